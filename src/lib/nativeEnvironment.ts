/**
 * The environment of processes that load drivers and native libraries: what these read, and nothing of the node's own
 * variables, which may hold passwords and keys that the configuration takes from there. Runs in main and the command
 * line.
 */

/** Names, and beginnings of names, of variables that steer drivers, loaders and libraries. */
const passedOn =
  /^(?:PATH|HOME|TMPDIR|TEMP|TMP|SystemRoot|windir|ProgramFiles.*|ProgramData|LANG|LC_.*|TZ|DISPLAY|WAYLAND_DISPLAY|XDG_RUNTIME_DIR|XDG_DATA_DIRS|XDG_CONFIG_DIRS|LD_LIBRARY_PATH|DYLD_.*|VK_.*|EGL_.*|__EGL_.*|__GLX_.*|GBM_.*|MESA_.*|LIBGL_.*|RADV_.*|AMD_.*|INTEL_.*|GPU_.*|NVIDIA_.*|CUDA_.*|ROCR_.*|ROCM_.*|HIP_.*|HSA_.*|DAWN_.*|OPENBLAS_.*|OMP_.*|GOTO_.*)$/;

export function nativeEnvironment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(own).filter(([name]) => passedOn.test(name)));
}
