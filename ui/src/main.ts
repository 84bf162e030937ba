// Puts the window's one component on the page.
import '@fontsource-variable/source-sans-3/index.css';
import './style/tokens.css';
import './style/base.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { spoken } from './lib/language.svelte';
import { follow } from './lib/look';

follow();
spoken.follow();

const target = document.getElementById('app');
if (target) mount(App, { target });
