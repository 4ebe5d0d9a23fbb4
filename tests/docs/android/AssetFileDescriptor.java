package android.content.res;

import java.io.Closeable;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;

/** Stands for Android's class of that name. */
public class AssetFileDescriptor implements Closeable {
  private final FileInputStream stream;

  AssetFileDescriptor(String name) throws IOException {
    stream = new FileInputStream(name);
  }

  public FileDescriptor getFileDescriptor() {
    try {
      return stream.getFD();
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
  }

  public long getStartOffset() {
    return 0;
  }

  public long getDeclaredLength() {
    try {
      return stream.getChannel().size();
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
  }

  @Override
  public void close() throws IOException {
    stream.close();
  }
}
