// How the front end is built: static files, nothing inlined, so that the strict
// content-security policy holds.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  clearScreen: false,
  server: { port: 5173, strictPort: true },
  build: {
    target: 'safari16',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The finer outlines of the map, in a file of their own that is read with the map.
    chunkSizeWarningLimit: 800,
  },
});
