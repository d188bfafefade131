// Reads screenshots, and writes them smaller: the same pixels, rows unfiltered and with zlib's best compression.
// Chromium filters rows as is best for photographs, which is a quarter larger for text on a plain background.
import { deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = 8;
const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = table[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

// Undoes the filters of the rows (PNG, section 9) in place.
function plain(raw, stride, depth) {
  const zeros = Buffer.alloc(stride);
  for (let at = 0; at < raw.length; at += stride + 1) {
    const row = raw.subarray(at + 1, at + 1 + stride);
    const above = at === 0 ? zeros : raw.subarray(at - stride, at);
    for (let x = 0; x < stride; x += 1) {
      const [a, b, c] = [x < depth ? 0 : row[x - depth], above[x], x < depth ? 0 : above[x - depth]];
      row[x] += [0, a, b, (a + b) >> 1, paeth(a, b, c)][raw[at]];
    }
    raw[at] = 0;
  }
  return raw;
}

// The header of an image, its channels, and its unfiltered rows, each after its filter byte. It has 8 bits for
// each of 3 or 4 channels, like those of Chromium.
function read(png) {
  const parts = [];
  let head;
  for (let at = SIGNATURE; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const data = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    const type = png.toString("latin1", at + 4, at + 8);
    if (type === "IHDR") head = data;
    if (type === "IDAT") parts.push(data);
  }
  const depth = head[9] === 6 ? 4 : 3;
  const rows = plain(inflateSync(Buffer.concat(parts)), head.readUInt32BE(0) * depth, depth);
  return { head, depth, rows };
}

/** The pixels of an image: width, height, and four bytes for each pixel. */
export function pixels(png) {
  const { head, depth, rows } = read(png);
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let at = 0; at < width * height; at += 1) {
    const from = Math.floor(at / width) * (width * depth + 1) + 1 + (at % width) * depth;
    data.set(rows.subarray(from, from + 3), at * 4);
  }
  return { width, height, data };
}

/** The same image in fewer bytes. */
export function smaller(png) {
  const { head, rows } = read(png);
  const chunks = [chunk("IHDR", head), chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([png.subarray(0, SIGNATURE), ...chunks]);
}
