package android.graphics;

/** Stands for Android's class of that name. */
public final class Bitmap {
  private final int width;
  private final int[] colours;

  public Bitmap(int width, int[] colours) {
    this.width = width;
    this.colours = colours;
  }

  public int getWidth() {
    return width;
  }

  public int getHeight() {
    return colours.length / width;
  }

  public void getPixels(int[] pixels, int offset, int stride, int x, int y, int width, int height) {
    for (int row = 0; row < height; row++) {
      System.arraycopy(colours, (y + row) * this.width + x, pixels, offset + row * stride, width);
    }
  }
}
