// Plays HLS by hls.js in headless Chromium: node hls_browser.mjs DIRECTORY_OF_PACKAGES PLAYLIST_URL...
// Prints a line of JSON for each playlist, in order. The page comes from a server of its own, so that whatever it
// fetches from elsewhere is allowed by CORS alone.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [, , packages, ...urls] = process.argv;
const { chromium } = createRequire(join(packages, 'here.js'))('playwright-core');
const hlsJs = readFileSync(join(packages, 'node_modules/hls.js/dist/hls.min.js'));

const SECONDS_PLAYED = 5;
const PATIENCE_MS = 60_000;
const CHROMIUM = ['--no-sandbox', '--disable-dev-shm-usage', '--autoplay-policy=no-user-gesture-required', '--mute-audio',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

const PAGE = `<!doctype html>
<video muted></video>
<script src="/hls.js"></script>
<script>
const video = document.querySelector('video');
const player = new Hls();
const errors = [], widths = [];
// No errors of what is played: that a busy machine is late, and that a player steps to where both picture and sound
// have begun when its first segment is cut between two packets of sound. Once it plays, a hole is one.
const isHarmless = ({ details }) =>
  details === 'bufferStalledError' || (details === 'bufferSeekOverHole' && played() === 0);
player.on(Hls.Events.ERROR, (_, error) => isHarmless(error) || errors.push(
  [error.details, error.fatal && 'fatal', error.response?.code, error.error?.message].filter(Boolean).join(', ')));
player.on(Hls.Events.MANIFEST_PARSED, () => {
  // the best first; the test asks for the other
  player.currentLevel = player.levels.length - 1;
  video.play();
});
video.addEventListener('resize', () => widths.push(video.videoWidth));
player.loadSource(decodeURIComponent(location.hash.slice(1)));
player.attachMedia(video);
const played = () => Array.from(video.played, (_, i) => video.played.end(i) - video.played.start(i)).reduce((a, b) => a + b, 0);
const seen = () => ({
  played: played(), frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount,
  dropped: video.getVideoPlaybackQuality().droppedVideoFrames, behind: player.latency, variants: player.levels.length, widths, errors,
});
</script>`;

async function watch(browser, server, url) {
  const page = await browser.newPage();
  page.on('pageerror', error => console.error(`${url}: ${error.message}`));
  page.on('console', message => message.type() === 'error' && console.error(`${url}: ${message.text()}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/#${encodeURIComponent(url)}`);
  const until = (condition, value) => page.waitForFunction(condition, value, { timeout: PATIENCE_MS });
  try {
    await until(seconds => played() >= seconds, SECONDS_PLAYED);
    if (await page.evaluate(() => player.levels.length > 1)) {
      await page.evaluate(() => { player.nextLevel = 0; });
      await until(() => widths.length > 1);
    }
  } catch (error) {
    console.error(`${url}: ${error.message}`);
  }
  return page.evaluate(() => seen());
}

const server = createServer((request, response) => {
  const [type, body] = request.url === '/hls.js' ? ['text/javascript', hlsJs] : ['text/html', PAGE];
  response.writeHead(200, { 'content-type': type }).end(body);
});
await new Promise(listening => server.listen(0, '127.0.0.1', listening));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: CHROMIUM });
for (const seen of await Promise.all(urls.map(url => watch(browser, server, url)))) console.log(JSON.stringify(seen));
await browser.close();
server.close();
