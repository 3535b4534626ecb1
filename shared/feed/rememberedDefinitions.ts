import type { PluginConfig } from "@azure/cosmos";

/** How long a definition is good for: a container that was made anew is noticed that much later. */
const validMilliseconds = 30_000;

interface Answer {
  readonly headers: Record<string, unknown>;
  readonly [property: string]: unknown;
}

/**
 * Spares the request for the container's definition that the SDK sends before each first look at a change feed.
 *
 * It wants the resource id of the container to put it into the continuation; that changes only when the container is
 * deleted and made anew. `now` is in milliseconds and never goes back.
 */
export function rememberedDefinitions(now: () => number): PluginConfig {
  const remembered = new Map<string, { readonly at: number; readonly answer: Answer }>();
  return {
    on: "request",
    plugin: async (context, _, next) => {
      if (context.operationType !== "read" || context.resourceType !== "colls") {
        return await next(context);
      }
      const path = context.path ?? "";
      const known = remembered.get(path);
      if (known !== undefined && now() - known.at < validMilliseconds) {
        return { ...known.answer, headers: { ...known.answer.headers } };
      }
      const answer = (await next(context)) as unknown as Answer;
      remembered.set(path, { at: now(), answer });
      return answer;
    },
  };
}
