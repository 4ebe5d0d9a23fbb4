// What a model file says of itself: the same flat facts that `dfdetect.deploy.metadata` reads, and its seal.

const PREFIX = "dfdetect.";
const METADATA_PROPS = 14; // of ONNX's ModelProto: entries of key (1) and value (2)
const VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5;

export class ModelError extends Error {}

/** Facts of a model: texts and numbers by name; throws ModelError where `dfdetect export` did not write it. */
export function readFacts(bytes) {
  const strings = readMetadata(bytes);
  if (strings.metadata_version !== "1") {
    throw new ModelError(
      strings.metadata_version === undefined
        ? "This file was not written by dfdetect export: it has no metadata of ours."
        : `Its metadata is of version ${strings.metadata_version}; this page reads version 1.`,
    );
  }
  const facts = {
    backbone: strings.backbone,
    precision: strings.precision,
    inputSize: Number(strings.input_size),
    threshold: Number(strings.threshold),
    calibrated: strings.calibrated === "true",
    crop: strings.crop,
    normaliseEncoding: strings.normalise_encoding ? Number(strings.normalise_encoding) : null,
    faceMargin: strings.face_margin ? Number(strings.face_margin) : null,
    uncertain: strings.uncertain ? JSON.parse(strings.uncertain) : null,
    dataTitle: strings.data_title ?? null,
    testSummary: strings.test_summary ?? null,
    licence: strings.licence ?? null,
  };
  if (!["resize", "center", "native", "face"].includes(facts.crop)) {
    throw new ModelError(`It cuts pictures in a way that this page does not know: ${facts.crop}.`);
  }
  const usable =
    Number.isInteger(facts.inputSize) && facts.threshold >= 0 && facts.threshold <= 1 && strings.layout === "NCHW";
  if (!usable) throw new ModelError("Its metadata is damaged. Export the model again.");
  return facts;
}

/** What a score comes to: real, fake, or uncertain within the band, where the model has one. */
export function verdictOf(pFake, facts) {
  const band = facts.uncertain;
  if (band && band.low < band.high && band.low <= pFake && pFake <= band.high) return "uncertain";
  return pFake >= facts.threshold ? "fake" : "real";
}

/** Throws ModelError where the file has changed since it was exported; outside https and localhost it cannot tell. */
export async function checkSeal(bytes) {
  if (!globalThis.crypto?.subtle) return;
  const text = new TextDecoder("latin1").decode(bytes);
  const seals = [...text.matchAll(/dfdetect-sha256:([0-9a-f]{64})/g)];
  if (seals.length !== 1) throw new ModelError("This is no whole file of dfdetect export.");
  const [{ index, 0: seal, 1: digest }] = seals;
  const sealed = new Uint8Array(8 + bytes.length);
  new DataView(sealed.buffer).setBigUint64(0, BigInt(bytes.length), true);
  sealed.set(bytes, 8);
  sealed.fill(0x30, 8 + index + seal.length - digest.length, 8 + index + seal.length); // "0"
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", sealed));
  const hex = [...found].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== digest) throw new ModelError("The file has changed since it was exported. Copy it again.");
}

/** Our entries of the file's metadata, without the prefix: a walk over the outermost fields of a protobuf message. */
function readMetadata(bytes) {
  const strings = {};
  try {
    for (const [field, entry] of fields(bytes)) {
      if (field !== METADATA_PROPS) continue;
      const [key, value] = [1, 2].map((number) => {
        const found = [...fields(entry)].find(([own]) => own === number);
        return new TextDecoder("utf-8", { fatal: true }).decode(found ? found[1] : new Uint8Array());
      });
      if (key.startsWith(PREFIX)) strings[key.slice(PREFIX.length)] = value;
    }
  } catch {
    throw new ModelError("This is no ONNX file, or it was cut off.");
  }
  return strings;
}

function* fields(bytes) {
  let position = 0;
  const varint = () => {
    let number = 0;
    for (let factor = 1; factor < 2 ** 63; factor *= 128) {
      if (position >= bytes.length) throw new RangeError("cut off");
      const byte = bytes[position++];
      number += (byte & 0x7f) * factor;
      if (byte < 0x80) return number;
    }
    throw new RangeError("no number");
  };
  while (position < bytes.length) {
    const tag = varint();
    const kind = tag % 8, field = Math.floor(tag / 8);
    let start = position;
    if (kind === VARINT) varint();
    else if (kind === LENGTH) {
      const length = varint();
      start = position;
      position += length;
    } else if (kind === FIXED64 || kind === FIXED32) position += kind === FIXED64 ? 8 : 4;
    else throw new RangeError("no message");
    if (position > bytes.length || field === 0) throw new RangeError("cut off");
    yield [field, bytes.subarray(start, position)];
  }
}
