// What is done with photos that are chosen: the same words by key, by button and by menu.
import type { PhotoTile } from './api';
import { commands } from './api';
import { t } from './language.svelte';
import { library } from './library.svelte';
import { notices, told } from './notice.svelte';

/** A photo, as far as keeping it goes. */
type Kept = Pick<PhotoTile, 'photo' | 'favourite' | 'stars'>;

/** Favourites, if one of them is none; else not any more. */
export function favour(chosen: Kept[]): void {
  if (chosen.length === 0) return;
  const favourite = chosen.some((photo) => !photo.favourite);
  void library.keep(numbers(chosen), { favourite });
}

/** So many stars; none, if all of them have as many already. */
export function rate(chosen: Kept[], stars: number): void {
  if (chosen.length === 0) return;
  const again = chosen.every((photo) => photo.stars === stars);
  void library.keep(numbers(chosen), { stars: again ? 0 : stars });
}

export function numbers(chosen: Pick<PhotoTile, 'photo'>[]): number[] {
  return chosen.map((photo) => photo.photo);
}

/** Shows the file of a photo where the system shows files. */
export async function showInFiles(photo: number): Promise<void> {
  await told(commands.showInFiles(photo));
}

/** Copies the path of a photo, and says so. */
export async function copyPath(photo: number): Promise<void> {
  await told(
    commands.photo(photo).then(({ path }) => {
      copy(path);
      notices.say(t('copied', { path }));
    }),
  );
}

/** Through a text field, which needs no permission that the window would have to be given. */
function copy(text: string): void {
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'unseen';
  const before = document.activeElement;
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
  if (before instanceof HTMLElement) before.focus();
}
