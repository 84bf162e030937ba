// How a search was understood, in the language of the window.
import type { Understood } from './bindings';
import { t } from './language.svelte';

/** `with Anna`, `without Carl`, `in 2019` */
export function meaningOf(part: Understood): string {
  switch (part.kind) {
    case 'with':
      return t('understood.with', { names: either(part.names) });
    case 'without':
      return t('understood.without', { names: either(part.names) });
    case 'during':
      return t('understood.during', { time: part.time });
    case 'nobody_else':
      return t('understood.nobody-else');
    case 'unnamed':
      return t('understood.unnamed');
    case 'faces':
      return t('understood.faces', { how: extent(part), n: part.least, most: part.most ?? 0 });
    case 'favourite':
      return t('understood.favourite');
    case 'stars':
      return t('understood.stars', { how: extent(part), n: part.least, most: part.most ?? 0 });
    case 'in':
      return t('understood.in', { names: either(part.names) });
    case 'camera':
      return t('understood.camera', { text: part.text });
    case 'called':
      return t('understood.called', { text: part.text });
    case 'not':
      return t('understood.not', { part: meaningOf(part.part) });
    case 'either':
      return part.parts
        .map(meaningOf)
        .reduce((one, other) => t('understood.either', { one, other }));
  }
}

function either(names: string[]): string {
  return names.reduce((one, other) => t('understood.or', { one, other }));
}

function extent({ least, most }: { least: number; most: number | null }): string {
  if (most === null) return 'least';
  return most === least ? 'exactly' : 'range';
}
