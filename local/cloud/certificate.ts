import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "selfsigned";

/** A key and a certificate for 127.0.0.1, in files; whoever is to trust it is given the certificate. */
export interface LoopbackCertificate {
  readonly key: string;
  readonly cert: string;
  readonly keyFile: string;
  readonly certFile: string;
}

/** Makes a certificate for 127.0.0.1 and localhost that is good for a day, and keeps it in `folder`. */
export async function makeLoopbackCertificate(folder: string): Promise<LoopbackCertificate> {
  const dayMs = 24 * 60 * 60 * 1000;
  const made = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notAfterDate: new Date(Date.now() + dayMs),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  const keyFile = join(folder, "tls-key.pem");
  const certFile = join(folder, "tls-cert.pem");
  writeFileSync(keyFile, made.private, { mode: 0o600 });
  writeFileSync(certFile, made.cert);
  return { key: made.private, cert: made.cert, keyFile, certFile };
}
