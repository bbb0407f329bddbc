/**
 * Entry of the telemetry process: loads what may hang or crash, and answers one question after the other. It ends
 * when whoever asks has gone, also while a call does not return.
 */
import type { NvmlLibrary } from '#src/gpu/nvmlLibrary.js';
import type { TelemetryQuestion } from '#src/gpu/telemetryProcess.js';
import { endWithParent } from '#src/threads/endWithParent.js';

const libraries = new Map<string, NvmlLibrary>();

async function answerTo(question: TelemetryQuestion): Promise<unknown> {
  // Each is loaded only where it is asked.
  if (question.kind === 'nvml') {
    const { openNvml } = await import('#src/gpu/nvmlLibrary.js');
    let library = libraries.get(question.library);
    if (library === undefined) {
      library = openNvml(question.library);
      libraries.set(question.library, library);
    }
    return library.sample();
  }
  const { readControllers } = await import('#src/gpu/controllers.js');
  return await readControllers();
}

// First, because what follows may hang.
await endWithParent();

process.on('message', (message: TelemetryQuestion & { readonly id: number }) => {
  answerTo(message).then(
    (found) => process.send?.({ id: message.id, found }),
    (thrown: unknown) => process.send?.({ id: message.id, reason: String(thrown) }),
  );
});

process.on('disconnect', () => process.exit(0));
