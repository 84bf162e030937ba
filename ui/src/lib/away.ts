// Photos on a drive or folder that is not connected: which of a list they are, and the sentence that says so.
import type { AwayFolder, PhotoTile } from './api';
import { t } from './language.svelte';
import { listOf } from './words';

/** The photos of a list that are away. */
export interface Away {
  photos: number;
  /** Names of the folders and drives that they are on, as {@link AwayFolder} gives them. */
  folders: string[];
}

/** How many of these photos are away, and on what. */
export function awayAmong(photos: Pick<PhotoTile, 'photo' | 'away'>[], away: AwayFolder[]): Away {
  const missing = new Set(photos.filter((photo) => photo.away).map((photo) => photo.photo));
  const holds = (folder: AwayFolder) => folder.photos.some((photo) => missing.has(photo));
  return {
    photos: missing.size,
    folders: missing.size === 0 ? [] : away.filter(holds).map((folder) => folder.name),
  };
}

/**
 * `5 of these photos are on “Backup disk”, which is not connected.`; of `person` if they are somebody's,
 * and empty where none is away.
 */
export function awaySentence(of: Away, all: number, person: string | null): string {
  const n = of.photos;
  if (n === 0 || of.folders.length === 0) return '';
  const k = of.folders.length;
  const folders = listOf(of.folders.map((name) => t('said.quoted', { name })));
  if (person !== null) return t('away.person', { n, k, folders, name: person });
  return n === all ? t('away.all', { n, k, folders }) : t('away.some', { n, k, folders });
}
