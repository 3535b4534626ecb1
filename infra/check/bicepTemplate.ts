import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { Language, Parser, type Node } from "web-tree-sitter";

/** What stands to the right of a colon: an object with its properties, an array, or any other expression as it is written. */
export type BicepValue = BicepObject | BicepArray | BicepExpression;

/** An object, or a call of `union` over several, with what any of them may hold. */
export interface BicepObject {
  readonly kind: "object";
  readonly line: number;
  readonly properties: ReadonlyMap<string, BicepValue>;
}

/** An array, or several that are joined, with what any of them may hold. */
export interface BicepArray {
  readonly kind: "array";
  readonly line: number;
  readonly items: readonly BicepValue[];
}

/** A literal, a name, a call: anything else, as text. Quotes are part of it. */
export interface BicepExpression {
  readonly kind: "expression";
  readonly line: number;
  readonly text: string;
}

/** One `resource`. */
export interface BicepResource {
  readonly symbol: string;
  readonly type: string;
  readonly apiVersion: string;
  /** Whether it only refers to what is there. */
  readonly isExisting: boolean;
  readonly line: number;
  readonly body: BicepObject;
}

/** One `module`. */
export interface BicepModule {
  readonly symbol: string;
  readonly path: string;
  readonly line: number;
  readonly parameters: ReadonlySet<string>;
}

/** One Bicep file, as far as the checks look at it. */
export interface BicepTemplate {
  /** The name of the file, without its folder. */
  readonly file: string;
  /** Where the grammar met what it does not know: line numbers. */
  readonly syntaxErrors: readonly number[];
  /** The parameters, and whether they have to be given. */
  readonly parameters: ReadonlyMap<string, { readonly isRequired: boolean; readonly line: number }>;
  readonly variables: ReadonlyMap<string, { readonly value: BicepValue; readonly line: number }>;
  readonly resources: readonly BicepResource[];
  readonly modules: readonly BicepModule[];
  readonly outputs: ReadonlyMap<string, { readonly text: string; readonly line: number }>;
  /** Every function that is called, with the line. */
  readonly calls: readonly { readonly name: string; readonly line: number }[];
  /** Every name that is used as a value, but for its own declaration. */
  readonly uses: ReadonlySet<string>;
  /** Every text literal. */
  readonly texts: readonly { readonly text: string; readonly line: number }[];
  /** `module.outputs.name`, wherever it is read. */
  readonly outputUses: readonly {
    readonly module: string;
    readonly output: string;
    readonly line: number;
  }[];
}

/** Makes the parser of Bicep's grammar. It needs nothing outside the installed packages. */
export async function bicepParser(): Promise<(file: string) => BicepTemplate> {
  await Parser.init();
  const grammar = createRequire(import.meta.url).resolve(
    "tree-sitter-bicep/tree-sitter-bicep.wasm",
  );
  const parser = new Parser();
  parser.setLanguage(await Language.load(grammar));
  return (file) => readTemplate(parser, file, readFileSync(file, "utf8"));
}

function readTemplate(parser: Parser, file: string, text: string): BicepTemplate {
  const tree = parser.parse(text);
  if (tree === null) {
    throw new Error(`${file} could not be parsed.`);
  }
  const nodes = [...descendants(tree.rootNode)];
  const declarations = nodes.filter(({ type }) => type.endsWith("_declaration"));
  const ofType = (type: string): readonly Node[] =>
    declarations.filter((node) => node.type === type);
  const template: BicepTemplate = {
    file: basename(file),
    syntaxErrors: nodes.filter((node) => node.isError || node.isMissing).map(lineOf),
    parameters: new Map(
      ofType("parameter_declaration").map((node) => [
        symbolOf(node),
        // The name and the type; a third part is the default.
        { isRequired: named(node).length < 3 && !node.text.includes("?"), line: lineOf(node) },
      ]),
    ),
    variables: new Map(
      ofType("variable_declaration").map((node) => [
        symbolOf(node),
        { value: valueOf(named(node).at(-1) ?? node), line: lineOf(node) },
      ]),
    ),
    resources: ofType("resource_declaration").map(resourceOf),
    modules: ofType("module_declaration").map(moduleOf),
    outputs: new Map(
      ofType("output_declaration").map((node) => [
        symbolOf(node),
        { text: named(node).at(-1)?.text ?? "", line: lineOf(node) },
      ]),
    ),
    calls: nodes
      .filter(({ type }) => type === "call_expression")
      .map((node) => ({ name: named(node)[0]?.text ?? "", line: lineOf(node) })),
    uses: new Set(nodes.filter(isUse).map((node) => node.text)),
    texts: nodes
      .filter(({ type }) => type === "string")
      .map((node) => ({ text: node.text, line: lineOf(node) })),
    outputUses: nodes.flatMap((node) => outputUseOf(node)),
  };
  tree.delete();
  return template;
}

function* descendants(node: Node): Generator<Node, void, undefined> {
  yield node;
  for (const child of node.children) {
    if (child !== null) {
      yield* descendants(child);
    }
  }
}

function named(node: Node): readonly Node[] {
  return node.namedChildren.filter((child) => child !== null);
}

function lineOf(node: Node): number {
  return node.startPosition.row + 1;
}

function symbolOf(declaration: Node): string {
  return named(declaration)[0]?.text ?? "";
}

function unquoted(text: string): string {
  return text.replace(/^'|'$/g, "");
}

function isUse(node: Node): boolean {
  if (node.type !== "identifier") {
    return false;
  }
  const { parent } = node;
  if (parent === null) {
    return false;
  }
  const isFirst = parent.namedChild(0)?.id === node.id;
  // The name that a declaration declares, and the key of a property, are no uses.
  return !((parent.type.endsWith("_declaration") || parent.type === "object_property") && isFirst);
}

/** The object of a declaration, below its condition and its loop. */
function bodyOf(node: Node): Node | undefined {
  for (const child of named(node).toReversed()) {
    if (child.type === "object") {
      return child;
    }
    if (child.type === "for_statement" || child.type === "if_statement") {
      return bodyOf(child);
    }
  }
  return undefined;
}

function resourceOf(node: Node): BicepResource {
  const [type = "", apiVersion = ""] = unquoted(named(node)[1]?.text ?? "").split("@");
  const body = bodyOf(node);
  return {
    symbol: symbolOf(node),
    type,
    apiVersion,
    isExisting: node.children.some((child) => child?.text === "existing"),
    line: lineOf(node),
    body: { kind: "object", line: lineOf(node), properties: body ? propertiesOf(body) : new Map() },
  };
}

function moduleOf(node: Node): BicepModule {
  const body = bodyOf(node);
  const parameters = body && propertiesOf(body).get("params");
  return {
    symbol: symbolOf(node),
    path: unquoted(named(node)[1]?.text ?? ""),
    line: lineOf(node),
    parameters: new Set(parameters?.kind === "object" ? parameters.properties.keys() : []),
  };
}

function propertiesOf(object: Node): ReadonlyMap<string, BicepValue> {
  return new Map(
    named(object)
      .filter(({ type }) => type === "object_property")
      .map((property) => {
        const [key, value] = named(property);
        return [unquoted(key?.text ?? ""), valueOf(value ?? property)] as const;
      }),
  );
}

function valueOf(node: Node): BicepValue {
  const line = lineOf(node);
  if (node.type === "object") {
    return { kind: "object", line, properties: propertiesOf(node) };
  }
  if (node.type === "array") {
    return { kind: "array", line, items: named(node).map(valueOf) };
  }
  if (node.type === "for_statement") {
    const body = bodyOf(node);
    return { kind: "array", line, items: body === undefined ? [] : [valueOf(body)] };
  }
  const alternatives = alternativesOf(node).map(valueOf);
  const objects = alternatives.filter((value) => value.kind === "object");
  if (objects.length > 0) {
    return { kind: "object", line, properties: new Map(objects.flatMap((o) => [...o.properties])) };
  }
  const arrays = alternatives.filter((value) => value.kind === "array");
  if (arrays.length > 0) {
    return { kind: "array", line, items: arrays.flatMap(({ items }) => items) };
  }
  return { kind: "expression", line, text: node.text };
}

/** What an expression may turn out as: the branches of a condition, the arguments of what joins objects or arrays. */
function alternativesOf(node: Node): readonly Node[] {
  if (node.type === "ternary_expression") {
    return named(node).slice(1);
  }
  const [callee, passed] = named(node);
  if (node.type === "call_expression" && /^(?:union|concat)$/.test(callee?.text ?? "")) {
    return passed === undefined ? [] : named(passed);
  }
  return node.type === "parenthesized_expression" ? named(node) : [];
}

function outputUseOf(node: Node): BicepTemplate["outputUses"] {
  if (node.type !== "member_expression") {
    return [];
  }
  const found = /^(\w+)(?:!|\.\?|\.)?\.?outputs\.\??(\w+)$/.exec(node.text);
  const [, module = "", output = ""] = found ?? [];
  return found === null ? [] : [{ module, output, line: lineOf(node) }];
}
