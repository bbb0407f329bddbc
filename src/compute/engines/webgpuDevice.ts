/**
 * Dawn, and the device that the WebGPU engine computes on. Everything that goes wrong on a device is told late and
 * elsewhere; a watch collects it, so that a job can ask before it believes its result. Runs in the GPU host.
 */

import { engineFailure } from '../engineFailure.js';
import type { EngineInfo } from '../matrixEngine.js';

let dawn: GPU | undefined;

/** Dawn's entry; there is one for all engines, and it must outlive every object that came from it. */
export async function openDawn(): Promise<GPU> {
  if (dawn === undefined) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    dawn = create([]);
  }
  return dawn;
}

/**
 * What an adapter tells about itself, for `EngineInfo`. Dawn gives the hardware's name in lower case with hyphens, and
 * the driver's as it is.
 */
export function adapterInfo(adapter: GPUAdapter): Pick<EngineInfo, 'device' | 'deviceInfo' | 'isSoftware'> {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name = device.replace(/-+$/, '') || `${vendor} ${architecture}`.trim() || 'unknown GPU';
  return {
    device: [name, description].filter((text) => text !== '').join(', '),
    deviceInfo: {
      name,
      // WebGPU hides them, so that pages cannot tell people apart.
      computeCapability: null,
      memoryGB: null,
      cudaCores: null,
      vendor,
      architecture,
      driver: description,
    },
    isSoftware: isFallbackAdapter,
  };
}

export function refuseSoftware(isSoftware: boolean, isAllowedSoftware: boolean, device: string): void {
  if (isSoftware && !isAllowedSoftware) throw engineFailure(`only a software adapter (${device})`);
}

export class DeviceWatch {
  #failure: string | undefined;

  constructor(device: GPUDevice, onLost: (reason: string) => void) {
    device.addEventListener('uncapturederror', ({ error }) => {
      this.#failure ??= error.message;
    });
    void device.lost.then(({ message }) => {
      this.#failure = `device lost: ${message}`;
      onLost(this.#failure);
    });
  }

  /** Forgets what an earlier job suffered; a lost device stays lost. */
  begin(): void {
    if (this.#failure?.startsWith('device lost') !== true) this.#failure = undefined;
    this.check();
  }

  /** Throws what went wrong since the beginning. */
  check(): void {
    if (this.#failure !== undefined) throw engineFailure(this.#failure);
  }
}
