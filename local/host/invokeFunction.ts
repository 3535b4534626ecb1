import type { LoadedApp, LoadedFunction } from "./loadApp.ts";
import type {
  CoreInvocationContext,
  InvocationRequest,
  InvocationResponse,
  Log,
  RetryContext,
  TypedData,
} from "./workerContract.ts";

/** What a trigger supplies for one invocation. */
export interface Invocation {
  readonly invocationId: string;
  readonly input: TypedData;
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
  readonly traceParent?: string;
  readonly traceState?: string;
  readonly retryContext?: RetryContext;
}

/** The outcome: what the function returned, and what the library made of it for the host. */
export interface InvocationResult {
  readonly result: unknown;
  readonly response: InvocationResponse;
}

/** The binding of `target` that fires it, with its name. */
export function triggerOf(
  target: LoadedFunction,
): { name: string; type: string; options: Readonly<Record<string, unknown>> } | undefined {
  for (const [name, binding] of Object.entries(target.metadata.bindings)) {
    if (binding.direction === "in" && binding.type.toLowerCase().endsWith("trigger")) {
      return { name, type: binding.type, options: binding };
    }
  }
  return undefined;
}

/**
 * Runs one invocation through the library, hooks included, in the order of the Node worker.
 *
 * Rejects with what the function, a hook or the library threw.
 */
export async function invokeFunction(
  app: LoadedApp,
  target: LoadedFunction,
  invocation: Invocation,
  log: Log,
): Promise<InvocationResult> {
  const trigger = triggerOf(target);
  const request: InvocationRequest = {
    invocationId: invocation.invocationId,
    functionId: target.id,
    inputData: trigger === undefined ? [] : [{ name: trigger.name, data: invocation.input }],
    triggerMetadata: invocation.triggerMetadata,
    traceContext: {
      traceParent: invocation.traceParent ?? "",
      traceState: invocation.traceState ?? "",
      attributes: {},
    },
    ...(invocation.retryContext === undefined ? {} : { retryContext: invocation.retryContext }),
  };
  const context: CoreInvocationContext = {
    invocationId: invocation.invocationId,
    request,
    metadata: target.metadata,
    state: undefined,
    log: (level, category, message) => {
      log(level, category === "user" ? `function ${target.metadata.name}` : category, message);
    },
  };
  const model = app.model.getInvocationModel(context);
  const { context: invocationContext, inputs } = await model.getArguments();

  const hookData: Record<string, unknown> = {};
  const shared = { hookData, appHookData: app.appHookData, invocationContext };
  const before = { ...shared, inputs, functionCallback: target.callback };
  context.state = "preInvocationHooks";
  for (const hook of app.hooks.preInvocation) {
    await hook(before);
  }

  const after: { result: unknown; error: unknown } & Record<string, unknown> = {
    ...shared,
    inputs: before.inputs,
    result: undefined,
    error: undefined,
  };
  context.state = "invocation";
  try {
    after.result = await model.invokeFunction(
      invocationContext,
      before.inputs,
      before.functionCallback,
    );
  } catch (error) {
    after.error = error ?? new Error("The function threw nothing.");
  }
  context.state = "postInvocationHooks";
  for (const hook of app.hooks.postInvocation) {
    await hook(after);
  }
  context.state = undefined;
  if (after.error !== undefined && after.error !== null) {
    throw after.error instanceof Error
      ? after.error
      : new Error("Something other than an error was thrown.", { cause: after.error });
  }
  return {
    result: after.result,
    response: await model.getResponse(invocationContext, after.result),
  };
}
