// Light or dark: as the system has it, or as the user wants it; kept between starts.

export type Look = 'system' | 'light' | 'dark';

const KEY = 'look';
const dark = window.matchMedia('(prefers-color-scheme: dark)');

export function look(): Look {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

function show(): void {
  const wanted = look();
  const isDark = wanted === 'system' ? dark.matches : wanted === 'dark';
  document.documentElement.dataset.look = isDark ? 'dark' : 'light';
}

/** Shows the window so from now on. */
export function choose(wanted: Look): void {
  localStorage.setItem(KEY, wanted);
  show();
}

/** Shows the window as it was chosen, and follows the system where nothing was. */
export function follow(): void {
  show();
  dark.addEventListener('change', show);
}
