import { defineConfig, type ViteUserConfig } from "vitest/config";

// CI counts what ran.
const results = process.env["VITEST_RESULTS"];

// These talk to one running service, which is started only when one of them is to run.
const overHttp = ["test/conformance/**/*.test.ts", "test/isolation/**/*.test.ts"];

const config: ViteUserConfig = defineConfig({
  test: {
    reporters: results === undefined ? ["default"] : ["default", ["json", { outputFile: results }]],
    // Suites start servers of their own; two cores do not make five servers start faster.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: { name: "base", include: ["test/**/*.test.ts"], exclude: overHttp },
      },
      {
        extends: true,
        test: {
          name: "service",
          include: overHttp,
          globalSetup: ["test/support/runtimeSetup.ts"],
        },
      },
    ],
  },
});

export default config;
