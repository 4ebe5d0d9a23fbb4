package android.content;

import android.content.res.AssetManager;

/** Stands for Android's class of that name. */
public abstract class Context {
  public abstract AssetManager getAssets();
}
