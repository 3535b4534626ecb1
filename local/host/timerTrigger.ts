import type { BlockBlobClient, ContainerClient } from "@azure/storage-blob";
import { blobServiceClient, resolveConnection, type Connection } from "./connections.ts";
import { describeError } from "./describeError.ts";
import { HostError } from "./hostError.ts";
import { parseSchedule, type Schedule } from "./ncrontab.ts";
import { pause } from "./pause.ts";
import { invokeWithRetry, type TriggerContext } from "./triggerContext.ts";

/** When a timer ran last and is due next, as the real host keeps it. */
interface ScheduleStatus {
  readonly Last: string;
  readonly Next: string;
  readonly LastUpdated: string;
}

const hostId = "local";
const retryMs = 1_000;

/**
 * Runs a timer function until the host stops.
 *
 * The times of the last and next run are kept in the blob `timers/{host}/{function}/status` of `AzureWebJobsStorage`,
 * so that a run missed while the host was down is made up for at once, past due; not so for schedules below a minute
 * or with `useMonitor: false`. Runs never overlap: the next is planned after one has ended.
 */
export async function runTimer(context: TriggerContext): Promise<void> {
  const { options, target, signal, log, configuration } = context;
  if (typeof options["schedule"] !== "string") {
    throw new HostError("It has no schedule.");
  }
  const schedule = parseSchedule(options["schedule"]);
  const isMonitored = options["useMonitor"] !== false && !schedule.isBelowOneMinute;
  const statusBlob = isMonitored
    ? statusBlobOf(
        resolveConnection("Storage", configuration.settings, "Storage"),
        target.metadata.name,
      )
    : undefined;
  let status = statusBlob === undefined ? undefined : await readStatus(statusBlob, context);

  const fire = async (dueAt: number, isPastDue: boolean): Promise<void> => {
    await invokeWithRetry(
      context,
      {
        json: JSON.stringify({
          Schedule: { AdjustForDST: true },
          ScheduleStatus: status ?? null,
          IsPastDue: isPastDue,
        }),
      },
      {},
    );
    status = statusAfter(schedule, dueAt);
    if (statusBlob !== undefined) {
      await writeStatus(statusBlob, status).catch((error: unknown) => {
        log(
          "warning",
          "host",
          `The schedule of ${target.metadata.name} could not be kept: ${describeError(error)}`,
        );
      });
    }
  };

  const missedAt = status === undefined ? undefined : Date.parse(status.Next);
  const isMissed = missedAt !== undefined && missedAt < Date.now();
  if (!signal.aborted && (isMissed || options["runOnStartup"] === true)) {
    await fire(Date.now(), isMissed);
  } else if (status === undefined && statusBlob !== undefined && !signal.aborted) {
    // Without a first entry, a run missed before the first one ever would not be noticed.
    status = statusAfter(schedule, Date.now());
    await writeStatus(statusBlob, status).catch(() => undefined);
  }
  while (!signal.aborted) {
    const dueAt = schedule.next(Date.now());
    if (dueAt === undefined) {
      log("warning", "host", `The schedule of ${target.metadata.name} has no occurrence any more.`);
      return;
    }
    // A timer of Node may fire a little early; a run before its time would make the schedule fire twice.
    while (!signal.aborted && Date.now() < dueAt) {
      await pause(dueAt - Date.now(), signal);
    }
    if (!signal.aborted) {
      await fire(dueAt, false);
    }
  }
}

function statusAfter(schedule: Schedule, at: number): ScheduleStatus {
  const now = Date.now();
  const next = schedule.next(Math.max(at, now));
  return {
    Last: new Date(at).toISOString(),
    Next: next === undefined ? "9999-12-31T23:59:59.000Z" : new Date(next).toISOString(),
    LastUpdated: new Date(now).toISOString(),
  };
}

interface StatusBlob {
  readonly container: ContainerClient;
  readonly blob: BlockBlobClient;
}

function statusBlobOf(connection: Connection, functionName: string): StatusBlob {
  const service = blobServiceClient(connection);
  const container = service.getContainerClient("azure-webjobs-hosts");
  return {
    container,
    blob: container.getBlockBlobClient(`timers/${hostId}/${functionName}/status`),
  };
}

/** The kept status; undefined when there is none. Tries until storage answers or the host stops. */
async function readStatus(
  { blob }: StatusBlob,
  { signal, log }: TriggerContext,
): Promise<ScheduleStatus | undefined> {
  let isReported = false;
  while (!signal.aborted) {
    try {
      const text = (await blob.downloadToBuffer()).toString("utf8");
      const value = JSON.parse(text) as ScheduleStatus;
      return Number.isNaN(Date.parse(value.Next)) ? undefined : value;
    } catch (error) {
      if (error instanceof SyntaxError || (error as { statusCode?: unknown }).statusCode === 404) {
        return undefined;
      }
      if (!isReported) {
        isReported = true;
        log("warning", "host", `The timer status cannot be read yet: ${describeError(error)}`);
      }
      await pause(retryMs, signal);
    }
  }
  return undefined;
}

async function writeStatus({ container, blob }: StatusBlob, status: ScheduleStatus): Promise<void> {
  const text = JSON.stringify(status);
  try {
    await blob.upload(text, Buffer.byteLength(text));
  } catch (error) {
    if ((error as { statusCode?: unknown }).statusCode !== 404) {
      throw error;
    }
    await container.createIfNotExists();
    await blob.upload(text, Buffer.byteLength(text));
  }
}
