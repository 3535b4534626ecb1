import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parse as parseYaml } from "yaml";
import { bicepParser, type BicepTemplate } from "../../infra/check/bicepTemplate.ts";

const root = join(import.meta.dirname, "..", "..");
const infra = join(root, "infra");

/** `azure.yaml`, as far as it is looked at here. */
interface Project {
  readonly infra: { readonly path: string; readonly module: string };
  readonly services: Readonly<Record<string, { readonly remoteBuild?: boolean }>>;
  readonly hooks: {
    readonly postprovision: Readonly<Record<string, { readonly run: string }>>;
  };
}

let template: BicepTemplate;
const project = parseYaml(readFileSync(join(root, "azure.yaml"), "utf8")) as Project;

beforeAll(async () => {
  template = (await bicepParser())(join(infra, "main.bicep"));
});

describe("azure.yaml", () => {
  test("names a parameter file that is there", () => {
    expect(existsSync(join(root, project.infra.path, `${project.infra.module}.bicepparam`))).toBe(
      true,
    );
  });

  test("has no build in the cloud, and .funcignore does not make azd ask for one", () => {
    expect(Object.values(project.services).map(({ remoteBuild }) => remoteBuild)).toEqual([false]);
    const ignored = readFileSync(join(root, ".funcignore"), "utf8").split("\n");
    expect(ignored).toContain("node_modules/*");
    expect(ignored.filter((line) => /^\/?node_modules(?:\/|\/?\*\*)?$/.test(line))).toEqual([]);
  });

  test("goes on from outputs that the template has", () => {
    const used = Object.values(project.hooks.postprovision).flatMap(({ run }) =>
      [...run.matchAll(/\$(?:env:)?(AZURE_\w+)/g)].map(([, name = ""]) => name),
    );
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => !template.outputs.has(name))).toEqual([]);
  });
});

describe("each parameter file", () => {
  const files = readdirSync(infra).filter((name) => name.endsWith(".bicepparam"));

  test.each(files)(
    "%s gives parameters that the template has, and all that it asks for",
    (name) => {
      const text = readFileSync(join(infra, name), "utf8");
      expect(text).toMatch(/^using 'main\.bicep'$/m);
      const given = [...text.matchAll(/^param (\w+) =/gm)].map(([, parameter = ""]) => parameter);
      expect(given.filter((parameter) => !template.parameters.has(parameter))).toEqual([]);
      const asked = [...template.parameters].flatMap(([parameter, { isRequired }]) =>
        isRequired ? [parameter] : [],
      );
      expect(asked.length).toBeGreaterThan(0);
      expect(asked.filter((parameter) => !given.includes(parameter))).toEqual([]);
    },
  );
});
