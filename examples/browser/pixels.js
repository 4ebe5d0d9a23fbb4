// From a picture to the network's pixels, as `dfdetect.data` does it: decode, re-encode if the training did, resize.

const STRIP_PIXELS = 4_000_000; // phones give no larger canvas than some 16 million
const PREVIEW_SIDE = 1200;

/**
 * Decode an image file upright, transparent parts on white, colour profiles not applied:
 * {width, height, data: RGB in rows, preview: a canvas to show}.
 */
export async function decode(blob) {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  try {
    const { width, height } = bitmap;
    return { width, height, data: rgbOf(bitmap), preview: previewOf(bitmap) };
  } finally {
    bitmap.close();
  }
}

/** The square of `facts.inputSize` pixels that the network takes, as RGB in rows. */
export async function prepare(picture, facts) {
  const encoded = facts.normaliseEncoding === null ? picture : await reencode(picture, facts.normaliseEncoding);
  return resize(cutOut(encoded, seenOf(encoded.width, encoded.height, facts)), facts.inputSize);
}

/**
 * What the network sees of a picture of this size: all of it by the crop policy `resize`; else a square in its middle,
 * the largest one, or by `native` one of the input's own size. By `face` the picture is a cut-out face already.
 */
export function seenOf(width, height, facts) {
  if (facts.crop === "resize") return { left: 0, top: 0, width, height };
  const shorter = Math.min(width, height);
  const side = facts.crop === "native" ? Math.min(shorter, facts.inputSize) : shorter;
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
}

/** Shrink by the mean over areas where both sides are larger than `size`, else interpolate: OpenCV's two methods. */
export function resize(picture, size) {
  const { width, height } = picture;
  if (width === size && height === size) return picture;
  const data = Math.min(width, height) > size ? areaMeans(picture, size) : interpolated(picture, size);
  return { width: size, height: size, data };
}

function areaMeans({ width, height, data }, size) {
  const across = areaShares(width, size), down = areaShares(height, size);
  const rows = new Float32Array(height * size * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      for (const [from, share] of across[x]) {
        for (let c = 0; c < 3; c++) rows[(y * size + x) * 3 + c] += share * data[(y * width + from) * 3 + c];
      }
    }
  }
  const means = new Float32Array(size * size * 3);
  for (let y = 0; y < size; y++) {
    for (const [from, share] of down[y]) {
      for (let i = 0; i < size * 3; i++) means[y * size * 3 + i] += share * rows[from * size * 3 + i];
    }
  }
  // Uint8ClampedArray rounds halves to even, as OpenCV does except where it takes the mean of 2 x 2 pixels.
  const halved = width === 2 * size && height === 2 * size;
  return halved ? Uint8ClampedArray.from(means, (mean) => Math.floor(mean + 0.5)) : new Uint8ClampedArray(means);
}

/** Per result pixel: which source pixels it covers, and by which share. */
function areaShares(length, size) {
  const scale = length / size;
  return Array.from({ length: size }, (_, place) => {
    const start = place * scale, end = Math.min(start + scale, length);
    const shares = [];
    for (let from = Math.floor(start); from < Math.min(Math.ceil(end), length); from++) {
      const covered = Math.min(from + 1, end) - Math.max(from, start);
      if (covered > 1e-3) shares.push([from, covered / (end - start)]);
    }
    return shares;
  });
}

/** Between four neighbours, in the whole numbers that OpenCV calculates with. */
function interpolated({ width, height, data }, size) {
  const across = neighbours(width, size), down = neighbours(height, size);
  const rows = new Int32Array(height * size * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      const [left, right, share] = across[x];
      for (let c = 0; c < 3; c++) {
        const pair = [data[(y * width + left) * 3 + c], data[(y * width + right) * 3 + c]];
        rows[(y * size + x) * 3 + c] = (pair[0] * (2048 - share) + pair[1] * share) >> 4;
      }
    }
  }
  const result = new Uint8ClampedArray(size * size * 3);
  for (let y = 0; y < size; y++) {
    const [above, below, share] = down[y];
    for (let i = 0; i < size * 3; i++) {
      const upper = (rows[above * size * 3 + i] * (2048 - share)) >> 16;
      const lower = (rows[below * size * 3 + i] * share) >> 16;
      result[y * size * 3 + i] = (upper + lower + 2) >> 2;
    }
  }
  return result;
}

/** Per result pixel: the two source pixels around it, and the share of the second in 2048ths. */
function neighbours(length, size) {
  return Array.from({ length: size }, (_, place) => {
    const centre = Math.min(Math.max(((place + 0.5) * length) / size - 0.5, 0), length - 1);
    const first = Math.floor(centre);
    return [first, Math.min(first + 1, length - 1), Math.round((centre - first) * 2048)];
  });
}

function cutOut(picture, { left, top, width, height }) {
  if (width === picture.width && height === picture.height) return picture;
  const data = new Uint8ClampedArray(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * picture.width + left) * 3;
    data.set(picture.data.subarray(start, start + width * 3), y * width * 3);
  }
  return { width, height, data };
}

async function reencode({ width, height, data }, quality) {
  const canvas = newCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0, j = 0; i < data.length; i += 3, j += 4) image.data.set([data[i], data[i + 1], data[i + 2], 255], j);
  context.putImageData(image, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality / 100));
  if (blob === null) throw new Error("This browser could not encode the picture as JPEG.");
  return decode(blob);
}

function rgbOf(bitmap) {
  const { width, height } = bitmap;
  const rgb = new Uint8ClampedArray(width * height * 3);
  const strip = newCanvas(width, Math.max(1, Math.min(height, Math.floor(STRIP_PIXELS / width))));
  const context = strip.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  for (let top = 0, i = 0; top < height; top += strip.height) {
    context.fillRect(0, 0, width, strip.height);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(strip.height, height - top));
    for (let j = 0; j < data.length; i += 3, j += 4) {
      rgb[i] = data[j];
      rgb[i + 1] = data[j + 1];
      rgb[i + 2] = data[j + 2];
    }
  }
  return rgb;
}

function previewOf(bitmap) {
  const scale = Math.min(1, PREVIEW_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = newCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

function newCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}
