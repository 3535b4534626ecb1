import { randomInt } from "node:crypto";
import type { DequeuedMessageItem, QueueClient } from "@azure/storage-queue";
import { queueServiceClient, resolveConnection } from "./connections.ts";
import { describeError } from "./describeError.ts";
import { HostError } from "./hostError.ts";
import { pause } from "./pause.ts";
import { invokeWithRetry, type TriggerContext } from "./triggerContext.ts";
import type { TypedData } from "./workerContract.ts";

/** How long a message is invisible to others while it is worked on; renewed at half time. */
const invisibilitySeconds = 600;
const pollMsMin = 100;

/**
 * Runs a queue function until the host stops, then waits for the running invocations.
 *
 * At least once: a message is deleted after its function has succeeded; after a failure it becomes visible again, and
 * after `maxDequeueCount` deliveries it goes to the queue `<name>-poison`. A queue that does not exist is polled like
 * an empty one, and so is a service that does not answer.
 */
export async function runQueue(context: TriggerContext): Promise<void> {
  const { options, configuration, signal, log, target } = context;
  const queueName = options["queueName"];
  if (typeof queueName !== "string" || queueName === "") {
    throw new HostError("It has no queue name.");
  }
  const service = queueServiceClient(
    resolveConnection(options["connection"], configuration.settings, "Storage"),
  );
  const queue = service.getQueueClient(queueName);
  const poison = service.getQueueClient(`${queueName}-poison`);
  const { batchSize, newBatchThreshold, maxPollingIntervalMs } = configuration.queues;
  const running = new Set<Promise<void>>();
  let delayMs = pollMsMin;
  let isReported = false;
  while (!signal.aborted) {
    if (running.size > newBatchThreshold) {
      await Promise.race(running);
      continue;
    }
    let messages: DequeuedMessageItem[] = [];
    try {
      const answer = await queue.receiveMessages({
        numberOfMessages: batchSize,
        visibilityTimeout: invisibilitySeconds,
        abortSignal: signal,
      });
      messages = answer.receivedMessageItems;
      isReported = false;
    } catch (error) {
      if (signal.aborted) {
        break;
      }
      if ((error as { statusCode?: unknown }).statusCode !== 404 && !isReported) {
        isReported = true;
        log(
          "warning",
          "host",
          `The queue of ${target.metadata.name} cannot be read: ${describeError(error)}`,
        );
      }
    }
    for (const message of messages) {
      const work = handleMessage(context, queue, poison, message)
        .catch((error: unknown) => {
          // Its invisibility ends by and by, and it is delivered again.
          log(
            "error",
            "host",
            `A message of ${queueName} could not be settled: ${describeError(error)}`,
          );
        })
        .finally(() => running.delete(work));
      running.add(work);
    }
    if (messages.length > 0) {
      delayMs = pollMsMin;
    } else {
      await pause(delayMs, signal);
      delayMs = Math.min(maxPollingIntervalMs, Math.round((delayMs * randomInt(150, 251)) / 100));
    }
  }
  await Promise.all(running);
}

async function handleMessage(
  context: TriggerContext,
  queue: QueueClient,
  poison: QueueClient,
  message: DequeuedMessageItem,
): Promise<void> {
  const { configuration, log, target } = context;
  const { messageId } = message;
  let { popReceipt } = message;
  const renewal = setInterval(
    () => {
      queue.updateMessage(messageId, popReceipt, undefined, invisibilitySeconds).then(
        (answer) => {
          popReceipt = answer.popReceipt ?? popReceipt;
        },
        (error: unknown) => {
          log("warning", "host", `A message could not be kept invisible: ${describeError(error)}`);
        },
      );
    },
    (invisibilitySeconds / 2) * 1_000,
  );
  let outcome;
  try {
    const text = decodeText(message.messageText, configuration.queues.messageEncoding);
    outcome = await invokeWithRetry(context, { string: text }, messageMetadata(message, text));
  } finally {
    clearInterval(renewal);
  }
  if (outcome === "succeeded") {
    await queue.deleteMessage(messageId, popReceipt);
    return;
  }
  if (message.dequeueCount >= configuration.queues.maxDequeueCount) {
    log("error", "host", `A message of ${target.metadata.name} goes to ${poison.name}.`);
    await poison.createIfNotExists();
    await poison.sendMessage(message.messageText);
    await queue.deleteMessage(messageId, popReceipt);
    return;
  }
  await queue.updateMessage(
    messageId,
    popReceipt,
    undefined,
    configuration.queues.visibilityTimeoutSeconds,
  );
}

function decodeText(text: string, encoding: "base64" | "none"): string {
  return encoding === "none" ? text : Buffer.from(text, "base64").toString("utf8");
}

function messageMetadata(message: DequeuedMessageItem, text: string): Record<string, TypedData> {
  return {
    QueueTrigger: { string: text },
    DequeueCount: { json: JSON.stringify(message.dequeueCount) },
    Id: { string: message.messageId },
    PopReceipt: { string: message.popReceipt },
    InsertionTime: { json: JSON.stringify(message.insertedOn) },
    ExpirationTime: { json: JSON.stringify(message.expiresOn) },
    NextVisibleTime: { json: JSON.stringify(message.nextVisibleOn) },
  };
}
