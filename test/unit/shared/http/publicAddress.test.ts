import { expect, test } from "vitest";
import { publicAddress } from "../../../../shared/http/publicAddress.ts";

const trusted = { hosts: ["imaging.example.org", "[2001:db8::1]:8443"], prefixes: ["/pacs"] };

function urlOf(own: string, headers: Readonly<Record<string, readonly string[]>>): string {
  return publicAddress(own, (name) => headers[name] ?? [], trusted);
}

test.each([
  [{}, "http://inner:7071/api"],
  [{ "x-forwarded-host": ["imaging.example.org"] }, "http://imaging.example.org/api"],
  [
    { "x-forwarded-host": ["Imaging.Example.org"], "x-forwarded-proto": ["HTTPS"] },
    "https://imaging.example.org/api",
  ],
  [
    { "x-forwarded-host": ["imaging.example.org, inner2"], "x-forwarded-proto": ["https, http"] },
    "https://imaging.example.org/api",
  ],
  [{ "x-forwarded-host": ["[2001:db8::1]:8443"] }, "http://[2001:db8::1]:8443/api"],
  [{ "x-forwarded-prefix": ["/pacs/"] }, "http://inner:7071/pacs"],
  [
    {
      "x-forwarded-host": ["imaging.example.org"],
      "x-forwarded-proto": ["https"],
      "x-forwarded-prefix": ["/pacs"],
    },
    "https://imaging.example.org/pacs",
  ],
])("%j leads to %s", (headers, expected) => {
  expect(urlOf("http://inner:7071/api", headers)).toBe(expected);
});

test.each([
  { "x-forwarded-host": ["evil.example"] },
  { "x-forwarded-host": ["evil.example, imaging.example.org"] },
  { "x-forwarded-host": ["imaging.example.org.evil.example"] },
  { "x-forwarded-host": ["imaging.example.org:444"] },
  { "x-forwarded-host": ["imaging.example.org/evil"] },
  { "x-forwarded-host": ["user@imaging.example.org"] },
  { "x-forwarded-host": [""] },
  { "x-forwarded-proto": ["https"] },
  { "x-forwarded-prefix": ["/evil"] },
  { "x-forwarded-prefix": ["//evil.example/pacs"] },
  { "x-forwarded-prefix": [""] },
])("%j is not believed", (headers) => {
  expect(urlOf("http://inner:7071/api", headers)).toBe("http://inner:7071/api");
});

test("a scheme that is none is not believed even of a host that is", () => {
  expect(
    urlOf("http://inner:7071", {
      "x-forwarded-host": ["imaging.example.org"],
      "x-forwarded-proto": ["javascript"],
    }),
  ).toBe("http://imaging.example.org");
});
