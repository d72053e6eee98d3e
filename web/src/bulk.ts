/* One thing done for many, a few at a time, so that it can be watched and stopped. */

export interface BulkResult<T> {
  done: T[];
  failed: { item: T; error: unknown }[];
}

/* Ends early when `isStopped` says so; what is under way then still counts. */
export async function forMany<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<void>,
    onStep: (result: BulkResult<T>) => void, isStopped: () => boolean): Promise<BulkResult<T>> {
  const result: BulkResult<T> = { done: [], failed: [] };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && !isStopped()) {
      const item = items[next++]!;
      try {
        await act(item);
        result.done.push(item);
      } catch (error) {
        result.failed.push({ item, error });
      }
      onStep(result);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return result;
}
