package android.content.res;

import java.io.IOException;

/** Stands for Android's class of that name: assets are files of the working folder. */
public final class AssetManager {
  public AssetFileDescriptor openFd(String name) throws IOException {
    return new AssetFileDescriptor(name);
  }
}
