import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nativeEnvironment } from '#src/lib/nativeEnvironment.js';

it('native libraries see what steers them, and nothing else of the environment', () => {
  const steering = {
    PATH: '/a',
    HOME: '/h',
    LD_LIBRARY_PATH: '/l',
    VK_ICD_FILENAMES: '/v',
    CUDA_VISIBLE_DEVICES: '1',
  };
  const others = {
    FXN_KEY_PASSWORD: 'secret',
    GPU2_TOKEN: 'secret',
    RPC_KEY: 'secret',
    LD_PRELOAD: '/p',
    NODE_OPTIONS: '--inspect',
    MY_PATH: '/m',
  };
  assert.deepEqual(nativeEnvironment({ ...steering, ...others }), steering);
});
