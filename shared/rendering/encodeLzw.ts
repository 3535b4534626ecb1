/** Codes have at most 12 bits (GIF89a Appendix F). */
const codesMax = 4096;
const minimumCodeSize = 8;
const clearCode = 256;
const endCode = 257;

/**
 * Compresses indexes of 8 bits as the image data of a GIF: variable-length-code LZW in sub-blocks of up to 255 bytes,
 * after the byte that states the code size (GIF89a §22, Appendix F).
 */
export function encodeLzw(indexes: Uint8Array): Uint8Array {
  // For each code, a table of 256 would be too much; a string is found by its prefix's code and its last index.
  const keys = new Int32Array(1 << 14).fill(-1);
  const codes = new Uint16Array(1 << 14);
  let bytes = new Uint8Array(Math.max(1024, indexes.length >> 1));
  let length = 0;
  let pending = 0;
  let pendingBits = 0;
  const push = (byte: number): void => {
    if (length === bytes.length) {
      const grown = new Uint8Array(bytes.length * 2);
      grown.set(bytes);
      bytes = grown;
    }
    bytes[length] = byte;
    length += 1;
  };
  const emit = (code: number, codeBits: number): void => {
    pending |= code << pendingBits;
    pendingBits += codeBits;
    while (pendingBits >= 8) {
      push(pending & 0xff);
      pending >>>= 8;
      pendingBits -= 8;
    }
  };
  let codeBits = minimumCodeSize + 1;
  let nextCode = endCode + 1;
  emit(clearCode, codeBits);
  let prefix = -1;
  for (const index of indexes) {
    if (prefix === -1) {
      prefix = index;
      continue;
    }
    const key = prefix * 256 + index;
    let slot = (Math.imul(key, 0x9e3779b1) >>> 18) & 0x3fff;
    while (keys[slot] !== -1 && keys[slot] !== key) {
      slot = (slot + 1) & 0x3fff;
    }
    if (keys[slot] === key) {
      prefix = codes[slot] ?? 0;
      continue;
    }
    emit(prefix, codeBits);
    if (nextCode < codesMax) {
      keys[slot] = key;
      codes[slot] = nextCode;
      // The decoder is one code behind, so that a code of one bit more is needed only after this one.
      if (nextCode === 1 << codeBits) {
        codeBits += 1;
      }
      nextCode += 1;
    } else {
      emit(clearCode, codeBits);
      keys.fill(-1);
      codeBits = minimumCodeSize + 1;
      nextCode = endCode + 1;
    }
    prefix = index;
  }
  if (prefix !== -1) {
    emit(prefix, codeBits);
    // The decoder adds one more code when it reads the last string.
    if (nextCode === 1 << codeBits && codeBits < 12) {
      codeBits += 1;
    }
  }
  emit(endCode, codeBits);
  emit(0, 7);
  return inBlocks(bytes.subarray(0, length));
}

function inBlocks(bytes: Uint8Array): Uint8Array {
  const blockCount = Math.ceil(bytes.length / 255);
  const data = new Uint8Array(1 + bytes.length + blockCount + 1);
  data[0] = minimumCodeSize;
  let to = 1;
  for (let from = 0; from < bytes.length; from += 255) {
    const block = bytes.subarray(from, from + 255);
    data[to] = block.length;
    data.set(block, to + 1);
    to += 1 + block.length;
  }
  return data;
}
