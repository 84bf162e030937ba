// Every key of the window, once: the sheet shows them, the window obeys the global ones.
import { job } from './job.svelte';
import { t } from './language.svelte';
import { library } from './library.svelte';
import { place } from './place.svelte';

export interface Shortcut {
  /** As written on the keys. */
  keys: string[];
  says: string;
  /** What it does wherever one is; screens do the others themselves. */
  does?: () => void;
}

export interface ShortcutGroup {
  where: string;
  shortcuts: Shortcut[];
}

/** Puts the cursor into the search box. */
export function focusSearch(): void {
  const box = document.querySelector<HTMLInputElement>('[data-search]');
  box?.focus();
  box?.select();
}

export const shortcuts = (): ShortcutGroup[] => [
  {
    where: t('keys.everywhere'),
    shortcuts: [
      { keys: ['1'], says: t('nav.photos'), does: () => place.go({ screen: 'photos' }) },
      { keys: ['2'], says: t('nav.people'), does: () => place.go({ screen: 'people' }) },
      { keys: ['3'], says: t('nav.review'), does: () => place.go({ screen: 'review' }) },
      { keys: ['4'], says: t('nav.places'), does: () => place.go({ screen: 'places' }) },
      { keys: ['5'], says: t('nav.albums'), does: () => place.go({ screen: 'albums' }) },
      { keys: ['6'], says: t('nav.folders'), does: () => place.go({ screen: 'folders' }) },
      { keys: ['7'], says: t('nav.history'), does: () => place.go({ screen: 'history' }) },
      { keys: ['8'], says: t('nav.settings'), does: () => place.go({ screen: 'settings' }) },
      { keys: ['/'], says: t('keys.search'), does: focusSearch },
      { keys: [t('key.ctrl'), 'Z'], says: t('keys.undo') },
      { keys: [t('key.ctrl'), t('key.shift'), 'Z'], says: t('keys.redo') },
      { keys: ['Esc'], says: t('keys.back') },
      { keys: ['J'], says: t('jobs.label'), does: () => (place.jobsOpen = !place.jobsOpen) },
      { keys: ['?'], says: t('keys.keys'), does: () => (place.keysOpen = true) },
    ],
  },
  {
    where: t('nav.photos'),
    shortcuts: [
      { keys: ['←', '→', '↑', '↓'], says: t('keys.move') },
      { keys: [t('key.enter')], says: t('menu.open') },
      { keys: [t('key.home'), t('key.end')], says: t('keys.ends') },
      { keys: [t('key.space')], says: t('keys.choose-on') },
      { keys: [t('key.ctrl'), 'A'], says: t('keys.choose-all') },
      { keys: ['O'], says: t('keys.unfold') },
    ],
  },
  {
    where: t('keys.chosen-photos'),
    shortcuts: [
      { keys: ['A'], says: t('keys.album') },
      { keys: ['H'], says: t('keys.favourites') },
      { keys: ['0', '5'], says: t('keys.stars') },
      { keys: ['C'], says: t('keys.compare') },
      { keys: ['Esc'], says: t('keys.choose-none') },
    ],
  },
  {
    where: t('who-is-this'),
    shortcuts: [
      { keys: [t('key.enter')], says: t('keys.name') },
      { keys: ['Tab'], says: t('keys.skip') },
      { keys: ['↓'], says: t('keys.used') },
      { keys: ['Alt', 'H'], says: t('keys.hide') },
      { keys: ['Alt', t('key.enter')], says: t('keys.see') },
      { keys: ['Alt', 'S'], says: t('keys.choose-group') },
    ],
  },
  {
    where: t('nav.people'),
    shortcuts: [
      { keys: ['←', '→', '↑', '↓'], says: t('keys.move-choose') },
      { keys: [t('key.space')], says: t('keys.choose') },
      { keys: [t('key.ctrl'), 'A'], says: t('keys.choose-all') },
      { keys: [t('key.ctrl'), 'F'], says: t('keys.find') },
    ],
  },
  {
    where: t('keys.person'),
    shortcuts: [
      { keys: ['R'], says: t('rename') },
      { keys: ['M'], says: t('person.same-as') },
      { keys: ['T'], says: t('person.split') },
      { keys: ['Alt', 'H'], says: t('hide') },
      { keys: [t('key.delete')], says: t('person.unname') },
      { keys: [t('key.space')], says: t('face.choose') },
      { keys: ['N'], says: t('keys.not-them') },
      { keys: ['S'], says: t('keys.are-else') },
      { keys: ['X'], says: t('keys.no-faces') },
    ],
  },
  {
    where: t('nav.review'),
    shortcuts: [
      { keys: ['Y'], says: t('question.yes') },
      { keys: ['N'], says: t('question.no') },
      { keys: ['S'], says: t('keys.someone-else') },
      { keys: ['X'], says: t('not-a-face') },
      { keys: ['D'], says: t('keys.unsure') },
      { keys: ['U'], says: t('keys.take-back') },
    ],
  },
  {
    where: t('keys.map'),
    shortcuts: [
      { keys: ['←', '→', '↑', '↓'], says: t('keys.map-move') },
      { keys: ['+', '-'], says: t('keys.map-zoom') },
      { keys: ['0'], says: t('places.all') },
      { keys: [t('key.enter')], says: t('keys.map-choose') },
    ],
  },
  {
    where: t('keys.photo'),
    shortcuts: [
      { keys: ['←', '→'], says: t('keys.turn') },
      { keys: ['+', '-'], says: t('keys.zoom') },
      { keys: ['Z'], says: t('keys.whole') },
      { keys: ['H'], says: t('keys.favourite') },
      { keys: ['0', '5'], says: t('keys.stars') },
      { keys: ['D'], says: t('photo.draw') },
      { keys: ['F'], says: t('photo.faces') },
      { keys: ['I'], says: t('photo.info') },
      { keys: ['↑', '↓'], says: t('keys.alike') },
      { keys: ['C'], says: t('keys.compare-alike') },
    ],
  },
  {
    where: t('keys.side-by-side'),
    shortcuts: [
      { keys: ['←', '→'], says: t('keys.compared') },
      { keys: [t('key.shift'), '←', '→'], says: t('keys.pan-all') },
      { keys: ['+', '-'], says: t('keys.zoom-all') },
      { keys: ['F'], says: t('keys.next-face') },
      { keys: ['H'], says: t('keys.favourite') },
      { keys: ['0', '5'], says: t('keys.stars') },
      { keys: ['X'], says: t('keys.leave-out') },
    ],
  },
];

function inText(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

/** Obeys a key that means the same everywhere; screens have had it first. */
export function obey(event: KeyboardEvent): void {
  // The sheet of keys and the question about a folder are dialogs: they close themselves.
  if (event.defaultPrevented || event.isComposing || place.keysOpen || job.asking) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    focusSearch();
    return;
  }
  const typing = inText(event.target) && (event.target as HTMLInputElement).value !== '';
  if (control && event.key.toLowerCase() === 'z' && !typing) {
    event.preventDefault();
    void (event.shiftKey ? library.redo() : library.undo());
    return;
  }
  if (event.key === 'Escape') {
    event.preventDefault();
    if (place.jobsOpen) place.jobsOpen = false;
    else if (inText(event.target)) (event.target as HTMLElement).blur();
    else place.back();
    return;
  }
  if (control || event.altKey || inText(event.target)) return;
  const pressed = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const shortcut = shortcuts()
    .flatMap((group) => group.shortcuts)
    .find(({ keys, does }) => does && keys.length === 1 && keys[0] === pressed);
  if (shortcut) {
    event.preventDefault();
    shortcut.does?.();
  }
}
