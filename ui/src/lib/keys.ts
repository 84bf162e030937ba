// Every key of the window, once: the sheet shows them, the window obeys the global ones.
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

export const shortcuts: ShortcutGroup[] = [
  {
    where: 'Everywhere',
    shortcuts: [
      { keys: ['1'], says: 'Photos', does: () => place.go({ screen: 'photos' }) },
      { keys: ['2'], says: 'People', does: () => place.go({ screen: 'people' }) },
      { keys: ['3'], says: 'Review', does: () => place.go({ screen: 'review' }) },
      { keys: ['4'], says: 'Albums', does: () => place.go({ screen: 'albums' }) },
      { keys: ['5'], says: 'Folders', does: () => place.go({ screen: 'folders' }) },
      { keys: ['6'], says: 'History', does: () => place.go({ screen: 'history' }) },
      { keys: ['7'], says: 'Settings', does: () => place.go({ screen: 'settings' }) },
      { keys: ['/'], says: 'Search (Ctrl K from a text field)', does: focusSearch },
      { keys: ['Ctrl', 'Z'], says: 'Undo the last decision' },
      { keys: ['Ctrl', 'Shift', 'Z'], says: 'Do again what was undone' },
      { keys: ['Esc'], says: 'One step back' },
      { keys: ['J'], says: 'What is running', does: () => (place.jobsOpen = !place.jobsOpen) },
      { keys: ['?'], says: 'These keys', does: () => (place.keysOpen = true) },
    ],
  },
  {
    where: 'Photos',
    shortcuts: [
      { keys: ['←', '→', '↑', '↓'], says: 'Move' },
      { keys: ['Enter'], says: 'See large' },
      { keys: ['Home', 'End'], says: 'Newest, oldest' },
      { keys: ['Space'], says: 'Choose; with Shift and arrows choose on the way' },
      { keys: ['Ctrl', 'A'], says: 'Choose all' },
    ],
  },
  {
    where: 'Photos that are chosen',
    shortcuts: [
      { keys: ['A'], says: 'Put them into an album' },
      { keys: ['H'], says: 'Favourites, or not any more' },
      { keys: ['0', '5'], says: 'So many stars' },
      { keys: ['Esc'], says: 'Choose none' },
    ],
  },
  {
    where: 'Who is this?',
    shortcuts: [
      { keys: ['Enter'], says: 'Name, and go to the next' },
      { keys: ['Tab'], says: 'Go on without naming' },
      { keys: ['↓'], says: 'Choose a name already used' },
      { keys: ['Alt', 'H'], says: 'Hide these faces' },
      { keys: ['Alt', 'Enter'], says: 'See all of these faces' },
      { keys: ['Alt', 'S'], says: 'Choose these faces, for one name with others' },
    ],
  },
  {
    where: 'People',
    shortcuts: [
      { keys: ['←', '→', '↑', '↓'], says: 'Move; with Shift choose on the way' },
      { keys: ['Space'], says: 'Choose' },
      { keys: ['Ctrl', 'A'], says: 'Choose all' },
      { keys: ['Ctrl', 'F'], says: 'Find a name' },
    ],
  },
  {
    where: 'Review',
    shortcuts: [
      { keys: ['Y'], says: 'Yes' },
      { keys: ['N'], says: 'No' },
      { keys: ['S'], says: 'Someone else: type the name' },
      { keys: ['X'], says: 'Not a face' },
      { keys: ['D'], says: 'Don’t know, and do not ask again' },
      { keys: ['U'], says: 'Take the last answer back' },
    ],
  },
  {
    where: 'A photo',
    shortcuts: [
      { keys: ['←', '→'], says: 'Previous, next' },
      { keys: ['+', '-'], says: 'Larger, smaller' },
      { keys: ['Z'], says: 'Three times as large, whole again' },
      { keys: ['H'], says: 'Favourite, or not any more' },
      { keys: ['0', '5'], says: 'So many stars' },
      { keys: ['D'], says: 'Outline a face that was missed' },
      { keys: ['F'], says: 'Keep the faces outlined' },
      { keys: ['I'], says: 'Date, place, people' },
    ],
  },
];

function inText(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

/** Obeys a key that means the same everywhere; screens have had it first. */
export function obey(event: KeyboardEvent): void {
  // The sheet of keys is a dialog: it closes itself.
  if (event.defaultPrevented || event.isComposing || place.keysOpen) return;
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
  const shortcut = shortcuts
    .flatMap((group) => group.shortcuts)
    .find(({ keys, does }) => does && keys.length === 1 && keys[0] === pressed);
  if (shortcut) {
    event.preventDefault();
    shortcut.does?.();
  }
}
