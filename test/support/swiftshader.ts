/** A Vulkan driver without a GPU behind it, which Debian's Chromium brings. Runs in the test runner and in suites. */

export const swiftshaderDriver = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** An environment in which programs find this adapter and no other. */
export const swiftshaderEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  VK_ICD_FILENAMES: swiftshaderDriver,
});
