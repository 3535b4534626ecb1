import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { Problem } from "../problem/problem.ts";

/** A secret that seals tokens, under the name that stands in them. */
export interface FeedTokenKey {
  /** 1 to 16 of `A-Z a-z 0-9 . _ -`. */
  readonly id: string;
  /** At least 32 bytes, of which nobody else knows any. */
  readonly secret: Uint8Array;
}

/** What a token is good for. One that was made for anything else is refused like one that was forged. */
export interface TokenBinding {
  readonly kind: "continuation" | "range";
  readonly tenant: string;
  /** The resource id of the container whose keys and positions the token holds: another one has others. */
  readonly container: string;
}

/**
 * The longest token there is, in characters. An answer has it in two of its headers, and clients refuse headers that have
 * more than 16 KiB together.
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
 * A continuation holds key ranges, and a forged one would be a door into another tenant. So tokens are encrypted and
 * authenticated (AES-256-GCM) together with what they are bound to. The nonce is a keyed hash of the content: the same
 * position always makes the same token, which is what makes it an entity tag, and two contents never share a nonce. The
 * first key seals and all of them open, so that keys rotate without ending what callers hold.
 */
export class FeedTokens {
  readonly #sealing: DerivedKey;
  readonly #opening: ReadonlyMap<string, DerivedKey>;

  constructor(keys: readonly FeedTokenKey[]) {
    const derived = keys.map(derive);
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

  /** Makes a token of `content`. Throws a `malformed` problem when it would be longer than a request can hold. */
  seal(binding: TokenBinding, content: Uint8Array): string {
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
    if (token.length > tokenLengthMax) {
      throw new Problem(
        "malformed",
        "The tenant lies on too many physical partitions for one continuation: read its feed ranges one by one.",
      );
    }
    return token;
  }

  /**
   * Returns what was sealed, or throws a `malformed` problem that names `parameter`.
   *
   * Whatever is wrong with a token, the sentence is the same: it does not help to look for one that is right.
   */
  open(binding: TokenBinding, token: string, parameter: string): Buffer {
    const content = this.#tryOpen(binding, token);
    if (content === undefined) {
      throw invalidToken(parameter);
    }
    return content;
  }

  #tryOpen(binding: TokenBinding, token: string): Buffer | undefined {
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

/** The answer to a token that is not good here, for whatever reason. */
export function invalidToken(parameter: string): Problem {
  return new Problem("malformed", `"${parameter}" is not a token that this feed has given out.`);
}

function derive({ id, secret }: FeedTokenKey): DerivedKey {
  if (!keyIdPattern.test(id)) {
    throw new RangeError("The name of a key is not valid.");
  }
  const part = (purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", secret, "", `strata feed token ${purpose}`, 32));
  return { id, encryption: part("encryption"), nonce: part("nonce") };
}

function associatedData(header: Buffer, { kind, tenant, container }: TokenBinding): Buffer {
  return Buffer.concat([header, Buffer.from(JSON.stringify([kind, tenant, container]), "utf8")]);
}
