// Each row: a folder or file, and all it may import besides itself. Anything absent is forbidden.
const mayImport = {
  "shared/problem": [],
  "shared/dicom": ["shared/problem"],
  "shared/dicomweb": ["shared/problem", "shared/dicom"],
  "shared/pixels": ["shared/problem", "shared/dicom", "shared/rendering"],
  "shared/rendering": ["shared/problem", "shared/dicom", "shared/pixels"],
  "shared/tenancy": ["shared/problem"],
  "shared/store": ["shared/problem", "shared/dicom", "shared/dicomweb", "shared/tenancy"],
  "shared/tokens": [],
  "shared/feed": [
    "shared/problem",
    "shared/dicom",
    "shared/dicomweb",
    "shared/tenancy",
    "shared/store",
    "shared/tokens",
  ],
  "shared/operations": ["shared/problem", "shared/tenancy", "shared/store"],
  "shared/tags": [
    "shared/problem",
    "shared/dicom",
    "shared/dicomweb",
    "shared/tenancy",
    "shared/store",
    "shared/operations",
  ],
  "shared/transactions": [
    "shared/pixels",
    "shared/rendering",
    "shared/operations",
    "shared/tags",
    "shared/problem",
    "shared/dicom",
    "shared/dicomweb",
    "shared/tenancy",
    "shared/store",
    "shared/feed",
    "shared/tokens",
    "shared/registry",
  ],
  "shared/registry": ["shared/problem", "shared/tenancy", "shared/store", "shared/feed"],
  "shared/audit": [
    "shared/problem",
    "shared/dicom",
    "shared/dicomweb",
    "shared/tenancy",
    "shared/store",
    "shared/feed",
    "shared/telemetry",
  ],
  "shared/telemetry": [],
  "shared/auth": ["shared/problem", "shared/tenancy"],
  "shared/admission": ["shared/problem", "shared/tenancy", "shared/auth"],
  "shared/http": [
    "shared/problem",
    "shared/dicom",
    "shared/dicomweb",
    "shared/tenancy",
    "shared/auth",
    "shared/admission",
    "shared/audit",
    "shared/telemetry",
  ],
  "shared/openapi": ["shared/dicomweb"],
  "shared/triggers": [],
  "shared/settings.ts": [],
  // The consumer is somebody else's program: it knows the service by its HTTP interface alone.
  feed: [],
  "local/host": [],
  "local/cosmos": [],
};
// Each package, and the only places that may import it.
const onlyIn = {
  "@azure/functions": ["functions", "shared/http", "shared/triggers"],
  "@azure/cosmos": [
    "shared/store",
    "shared/feed",
    "shared/registry",
    "shared/operations",
    "shared/tags",
    "shared/audit",
    "shared/telemetry",
    "shared/runtime.ts",
  ],
  "@azure/storage-blob": ["shared/store", "shared/telemetry", "shared/runtime.ts"],
  "@azure/identity": ["shared/runtime.ts"],
  jose: ["shared/auth"],
  "@opentelemetry": ["shared/telemetry"],
};
const under = (paths) => `^(${paths.join("|")})(/|$)`;
const rule = (name, from, to) => ({ name, severity: "error", from, to });

export default {
  forbidden: [
    ...Object.entries(mayImport).map(([folder, allowed]) =>
      rule(
        `${folder} imports too much`,
        { path: under([folder]) },
        {
          path: "^(functions|shared|local|test|bench|infra)/",
          pathNot: under([folder, ...allowed]),
        },
      ),
    ),
    ...Object.entries(onlyIn).map(([pkg, places]) =>
      rule(
        `${pkg} in the wrong place`,
        { path: "^(functions|shared)/", pathNot: under(places) },
        { path: `node_modules/${pkg}/` },
      ),
    ),
    // An emulator that shared code with the product would agree with the product's bugs.
    rule(
      "a stand-in imports the product",
      { path: "^local/" },
      { path: "^(functions|shared|test|bench)/" },
    ),
    rule(
      "the product imports a stand-in or a test",
      { path: "^(functions|shared)/" },
      { path: "^(local|test|bench|infra)/.*\\.ts$" },
    ),
    rule("a function imports another", { path: "^functions/" }, { path: "^functions/" }),
    rule(
      "the product imports a dev dependency",
      { path: "^(functions|shared)/" },
      // A type costs nothing at run time.
      { dependencyTypes: ["npm-dev", "npm-no-pkg"], dependencyTypesNot: ["type-only"] },
    ),
    rule("cycle", {}, { circular: true }),
    rule(
      "orphan",
      {
        orphan: true,
        path: "^(functions|shared|local)/",
        pathNot: "\\.json$|\\.d\\.ts$|^local/endWithSupervisor\\.ts$",
      },
      {},
    ),
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
