import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

/** A secret that seals tokens, under the name that stands in them. */
export interface SealingKey {
  /** 1 to 16 of `A-Z a-z 0-9 . _ -`. */
  readonly id: string;
  /** At least 32 bytes, of which nobody else knows any. */
  readonly secret: Uint8Array;
}

/**
 * The longest token there is, in characters. An answer may have it in two of its headers, and clients refuse headers that
 * have more than 16 KiB together.
 */
const tokenLengthMax = 4_000;

const formatVersion = 1;
const ivBytes = 12;
const tagBytes = 16;
const keyIdPattern = /^[A-Za-z0-9._-]{1,16}$/;

interface DerivedKey {
  readonly id: string;
  readonly encryption: Uint8Array;
  readonly nonce: Uint8Array;
}

/**
 * Seals what a caller is to keep for us: opaque, URL-safe, and only ever accepted as it was made.
 *
 * Tokens are encrypted and authenticated (AES-256-GCM) together with what they are bound to: one that was made for anything
 * else is refused like one that was forged. The nonce is a keyed hash of the content: the same content always makes the
 * same token, and two contents never share a nonce. The first key seals and all of them open, so that keys rotate without
 * ending what callers hold. Tokens of different purposes have different keys, though they come from the same secrets.
 */
export class SealedTokens {
  readonly #sealing: DerivedKey;
  readonly #opening: ReadonlyMap<string, DerivedKey>;

  /** Throws RangeError when there is no key, or one with a name that is not valid or that another one has. */
  constructor(keys: readonly SealingKey[], purpose: string) {
    const derived = keys.map((key) => derive(key, purpose));
    const [sealing] = derived;
    if (sealing === undefined) {
      throw new RangeError("Tokens need at least one key.");
    }
    this.#sealing = sealing;
    this.#opening = new Map(derived.map((key) => [key.id, key]));
    if (this.#opening.size !== keys.length) {
      throw new RangeError("Two keys have the same name.");
    }
  }

  /** Makes a token of `content`, or gives `undefined` when it would be longer than 4,000 characters. */
  seal(binding: readonly string[], content: Uint8Array): string | undefined {
    const { id, encryption, nonce } = this.#sealing;
    const header = Buffer.concat([
      Uint8Array.of(formatVersion, id.length),
      Buffer.from(id, "latin1"),
    ]);
    const associated = associatedData(header, binding);
    const iv = createHmac("sha256", nonce)
      .update(associated)
      .update(content)
      .digest()
      .subarray(0, ivBytes);
    const cipher = createCipheriv("aes-256-gcm", encryption, iv).setAAD(associated);
    const token = Buffer.concat([
      header,
      iv,
      cipher.update(content),
      cipher.final(),
      cipher.getAuthTag(),
    ]).toString("base64url");
    return token.length > tokenLengthMax ? undefined : token;
  }

  /** Returns what was sealed, or `undefined`, whatever is wrong with the token. */
  open(binding: readonly string[], token: string): Buffer | undefined {
    if (token.length > tokenLengthMax || !/^[A-Za-z0-9_-]+$/.test(token)) {
      return undefined;
    }
    const bytes = Buffer.from(token, "base64url");
    // The last character of a token may hold bits that mean nothing. A token has one spelling only.
    if (bytes.toString("base64url") !== token || bytes.length < 2) {
      return undefined;
    }
    const headerLength = 2 + bytes.readUInt8(1);
    if (bytes.readUInt8(0) !== formatVersion || bytes.length < headerLength + ivBytes + tagBytes) {
      return undefined;
    }
    const key = this.#opening.get(bytes.toString("latin1", 2, headerLength));
    if (key === undefined) {
      return undefined;
    }
    const header = bytes.subarray(0, headerLength);
    const decipher = createDecipheriv(
      "aes-256-gcm",
      key.encryption,
      bytes.subarray(headerLength, headerLength + ivBytes),
      { authTagLength: tagBytes },
    )
      .setAAD(associatedData(header, binding))
      .setAuthTag(bytes.subarray(-tagBytes));
    try {
      return Buffer.concat([
        decipher.update(bytes.subarray(headerLength + ivBytes, -tagBytes)),
        decipher.final(),
      ]);
    } catch {
      return undefined;
    }
  }
}

function derive({ id, secret }: SealingKey, purpose: string): DerivedKey {
  if (!keyIdPattern.test(id)) {
    throw new RangeError("The name of a key is not valid.");
  }
  const part = (use: string): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", secret, "", `strata ${purpose} ${use}`, 32));
  return { id, encryption: part("encryption"), nonce: part("nonce") };
}

function associatedData(header: Buffer, binding: readonly string[]): Buffer {
  return Buffer.concat([header, Buffer.from(JSON.stringify(binding), "utf8")]);
}
