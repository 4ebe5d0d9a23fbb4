package org.tensorflow.lite;

import java.nio.ByteBuffer;
import java.util.Map;

/** Stands for LiteRT's class of that name: the same signatures, and a network that returns two numbers. */
public class Interpreter implements AutoCloseable {
  public static class Options {
    public Options setNumThreads(int threads) {
      return this;
    }
  }

  public Interpreter(ByteBuffer model, Options options) {}

  public void runSignature(Map<String, Object> inputs, Map<String, Object> outputs, String signature) {
    ByteBuffer pixels = (ByteBuffer) inputs.get("pixels");
    if (!signature.equals("serving_default") || inputs.size() != 1 || outputs.size() != 2) {
      throw new IllegalArgumentException("other names");
    }
    if (!pixels.isDirect() || pixels.remaining() != 224 * 224 * 3) {
      throw new IllegalArgumentException("other pixels");
    }
    ((float[]) outputs.get("p_fake"))[0] = 0.25f;
    ((float[][][]) outputs.get("heatmap"))[0][6][6] = -1.5f;
  }

  @Override
  public void close() {}
}
