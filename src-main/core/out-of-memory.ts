/**
 * @file Recognises that memory ran out, in the words of everything that may say so: V8, the C++ library, onnxruntime, TensorFlow, CUDA,
 * Vulkan, Direct3D and WebGPU.
 */
const WORDS =
  /out[ _-]?of[ _-]?(device[ _]|host[ _])?memory|OutOfMemory|bad_alloc|RESOURCE_EXHAUSTED|OOM when allocating|failed to allocate|cannot allocate memory|allocation failed|max buffer size limit|\[Invalid Buffer|larger than the maximum (storage )?(buffer )?binding size|CUDA_ERROR_OUT_OF_MEMORY|E_OUTOFMEMORY|not enough memory/i;

export function saysOutOfMemory(message: string): boolean {
  return WORDS.test(message);
}
