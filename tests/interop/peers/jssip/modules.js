// Loads the packages as npm unpacked them: `files` holds each source file as a function of CommonJS.
const entrances = {
  jssip: 'jssip/lib/JsSIP.js', debug: 'debug/src/browser.js', events: 'events/events.js',
  ms: 'ms/index.js', 'sdp-transform': 'sdp-transform/lib/index.js',
};
const loaded = {};
function load(path) {
  const file = [path, `${path}.js`, `${path}/index.js`].find((name) => files[name]);
  if (!file) throw new Error(`no module ${path}`);
  if (!loaded[file]) {
    const module = loaded[file] = { exports: {} };
    const folder = file.slice(0, file.lastIndexOf('/'));
    files[file](module, module.exports, (name) => load(entrances[name] || join(folder, name)));
  }
  return loaded[file].exports;
}
function join(folder, name) {
  const parts = folder.split('/');
  for (const part of name.split('/')) {
    if (part === '..') parts.pop(); else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
