// The one way out of the page: calls to the program, and addresses of its pictures.
import { convertFileSrc } from '@tauri-apps/api/core';

export { commands } from './bindings';
export type * from './bindings';
export { damageOf, needsPassphrase, noticeOf, reasonOf, sentenceOf, whyReadOnly } from './wrong';

const pictures = convertFileSrc('', 'kith');

/** Addresses of pictures, by number. */
export const picture = {
  photo: (photo: number) => `${pictures}photo/${photo}`,
  face: (face: number) => `${pictures}face/${face}`,
  preview: (photo: number) => `${pictures}preview/${photo}`,
};
