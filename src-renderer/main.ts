/** @file The window starts here. */
import { mount } from 'svelte';
import './styles/fonts.css';
import './styles/tokens.css';
import './styles/base.css';
import { connect } from './client/index.ts';
import { StudioClient } from './client/studio.ts';
import Studio from './shell/studio.svelte';

const target = document.querySelector('#app');
if (target === null) throw new Error('index.html has no #app');
mount(Studio, { target, props: { studio: new StudioClient(connect()) } });
