// `npm start -- --auth`, as somebody has it who reads the README: started, read, and used with what it prints.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findFreePort } from "../../local/freePort.ts";
import { makeInstance } from "../support/dicom/dicomFile.ts";
import { DicomwebService, firstValues, instancePath } from "../support/dicomwebService.ts";
import { bearer } from "../support/testTenant.ts";

const dataDir = mkdtempSync(join(tmpdir(), "strata-auth-"));
let child: ChildProcess;
let baseUrl: string;
let printed = "";

async function start(): Promise<void> {
  const port = await findFreePort();
  baseUrl = `http://127.0.0.1:${port}`;
  printed = "";
  child = spawn(process.execPath, ["local/start.ts", "--auth"], {
    env: { ...process.env, PORT: String(port), DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "ignore"],
  });
  await new Promise<void>((done, fail) => {
    child.once("exit", (code) => {
      fail(new Error(`ended with ${String(code)}`));
    });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      if (printed.includes("Ctrl-C ends it.")) {
        done();
      }
    });
  });
}

async function stop(): Promise<void> {
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
}

beforeAll(start);

afterAll(async () => {
  await stop();
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

function serviceOf(title: string): DicomwebService {
  const lines = printed.split("\n");
  const line = lines[lines.indexOf(`# ${title}`) + 1] ?? "";
  const [, token = ""] = /^TOKEN=(\S+)$/.exec(line) ?? [];
  expect([title, token.split(".").length]).toEqual([title, 3]);
  return new DicomwebService("v2", baseUrl, bearer(token));
}

test("the tokens that are printed are of two tenants, of three roles each, and of the platform", async () => {
  const file = makeInstance();
  const path = `studies?StudyInstanceUID=${file.studyInstanceUID}`;
  await serviceOf("hospital-a, DICOM Data Owner").mustStore([file.bytes]);
  const found = await serviceOf("hospital-a, DICOM Data Reader").search(path);
  expect(firstValues(found, "0020000D")).toEqual([file.studyInstanceUID]);
  expect(await serviceOf("hospital-b, DICOM Data Owner").search(path)).toEqual([]);
  expect((await serviceOf("hospital-b, DICOM Data Reader").get(instancePath(file))).status).toBe(
    404,
  );
  const deletion = { method: "DELETE" };
  const study = `studies/${file.studyInstanceUID}`;
  for (const title of [
    "hospital-a, DICOM Data Reader",
    "hospital-a, Strata Tenant Admin",
    "the platform, Strata Platform Admin",
  ]) {
    expect((await serviceOf(title).request(study, deletion)).status).toBe(403);
  }
  expect((await serviceOf("hospital-a, Strata Tenant Admin").get("audit")).status).toBe(200);
  expect((await serviceOf("hospital-b, Strata Tenant Admin").get("tenants")).status).toBe(403);
  const platform = await serviceOf("the platform, Strata Platform Admin").get("tenants");
  expect(platform.json()).toMatchObject({
    tenants: [{ name: "hospital-a" }, { name: "hospital-b" }],
  });
  expect((await new DicomwebService("v2", baseUrl).get("studies")).status).toBe(401);
});

test("the command that is printed gets another token, and nobody unknown gets one", async () => {
  const [, url = "", client = ""] =
    /curl -s (\S+) -d grant_type=client_credentials -d client_id=(\S+)/.exec(printed) ?? [];
  const ask = async (
    clientId: string,
    grant = "client_credentials",
  ): Promise<[number, unknown]> => {
    const body = new URLSearchParams({ grant_type: grant, client_id: clientId });
    const response = await fetch(url, { method: "POST", body });
    return [response.status, await response.json()];
  };
  const [status, answer] = await ask(client);
  expect([status, answer]).toMatchObject([200, { token_type: "Bearer", expires_in: 43_200 }]);
  const { access_token: token } = answer as { access_token: string };
  expect((await new DicomwebService("v2", baseUrl, bearer(token)).get("studies")).status).toBe(200);
  expect(await ask("nobody")).toEqual([401, { error: "invalid_client" }]);
  expect(await ask(client, "password")).toEqual([400, { error: "unsupported_grant_type" }]);
  const issuer = new URL(url).origin;
  const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  expect(metadata).toMatchObject({ issuer, jwks_uri: `${issuer}/jwks`, token_endpoint: url });
});

test("after another start the tenants have their data still, and the new tokens lead to it", async () => {
  const before = await serviceOf("hospital-a, DICOM Data Owner").search("studies");
  const old = serviceOf("hospital-a, DICOM Data Owner");
  await stop();
  await start();
  expect(await serviceOf("hospital-a, DICOM Data Owner").search("studies")).toHaveLength(
    before.length,
  );
  expect(before.length).toBeGreaterThan(0);
  expect((await new DicomwebService("v2", baseUrl, old.headers).get("studies")).status).toBe(401);
});

test("another argument than --auth is refused with a sentence", async () => {
  const other = spawn(process.execPath, ["local/start.ts", "--authentication"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  other.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  expect(await new Promise((done) => other.once("close", done))).toBe(1);
  expect(said).toBe("The only argument there is is --auth.\n");
});
