// A dfdetect model in onnxruntime-web: raw RGB pixels in, p_fake and heatmap out. The graph normalises by itself.

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs";
import { ModelError, checkSeal, readFacts, verdictOf } from "./model.js";
import { decode, prepare } from "./pixels.js";

export class Detector {
  constructor(session, facts) {
    this.session = session;
    this.facts = facts;
  }

  /** From the bytes of model.onnx; throws ModelError where it is foreign or damaged. */
  static async load(bytes) {
    const facts = readFacts(bytes);
    await checkSeal(bytes);
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    return new Detector(session, facts);
  }

  /** Judge an image file: {pFake, verdict, heatmap: {rows, columns, data} or null, picture, milliseconds}. */
  async predict(blob) {
    const picture = await decode(blob);
    const { data } = await prepare(picture, this.facts);
    const start = performance.now();
    const result = await this.session.run({ pixels: this.tensorOf(data) });
    const milliseconds = performance.now() - start;
    const pFake = result.p_fake.data[0];
    if (!Number.isFinite(pFake)) throw new ModelError("the score is no number: the model's weights are broken");
    const map = result.heatmap;
    const heatmap = map ? { rows: map.dims[1], columns: map.dims[2], data: map.data } : null;
    return { pFake, verdict: verdictOf(pFake, this.facts), heatmap, picture, milliseconds };
  }

  /** RGB in rows to the graph's (1, 3, size, size). */
  tensorOf(rgb) {
    const size = this.facts.inputSize, plane = size * size;
    const planes = new Uint8Array(3 * plane);
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) planes[c * plane + i] = rgb[3 * i + c];
    }
    return new ort.Tensor("uint8", planes, [1, 3, size, size]);
  }
}
