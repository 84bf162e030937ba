// The one way out of the page: calls to the program, and addresses of its pictures.
import { t } from './language.svelte';
import { convertFileSrc } from '@tauri-apps/api/core';

export { commands } from './bindings';
export type * from './bindings';

const pictures = convertFileSrc('', 'kith');

/** Addresses of pictures, by number. */
export const picture = {
  photo: (photo: number) => `${pictures}photo/${photo}`,
  face: (face: number) => `${pictures}face/${face}`,
  preview: (photo: number) => `${pictures}preview/${photo}`,
};

/** What went wrong, as a sentence. */
export function sentenceOf(problem: unknown): string {
  if (problem && typeof problem === 'object' && 'message' in problem) {
    return String(problem.message);
  }
  return typeof problem === 'string' ? problem : t('trouble');
}
