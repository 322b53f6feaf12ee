(function () {
  'use strict';

  // FIPS 180-4, section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes;
  // section 5.3.3: of the square roots of the first 8.
  var K = [], H = [];
  (function () {
    var n = 2, found = 0, i, prime;
    function fraction(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
    while (found < 64) {
      prime = true;
      for (i = 2; i * i <= n; i++) { if (n % i === 0) { prime = false; break; } }
      if (prime) {
        if (found < 8) { H[found] = fraction(Math.pow(n, 1 / 2)); }
        K[found] = fraction(Math.pow(n, 1 / 3));
        found++;
      }
      n++;
    }
  }());

  function rotate(x, n) { return (x >>> n) | (x << (32 - n)); }

  function sha256(text) {
    var bytes = unescape(encodeURIComponent(text));
    var words = [], length = bytes.length, blocks = ((length + 8) >> 6) + 1, state = H.slice(0), w = [], i, j;
    for (i = 0; i < blocks * 16; i++) { words[i] = 0; }
    for (i = 0; i < length; i++) { words[i >> 2] |= bytes.charCodeAt(i) << (24 - (i % 4) * 8); }
    words[length >> 2] |= 0x80 << (24 - (length % 4) * 8);
    words[blocks * 16 - 1] = length * 8;
    for (i = 0; i < words.length; i += 16) {
      var a = state[0], b = state[1], c = state[2], d = state[3];
      var e = state[4], f = state[5], g = state[6], h = state[7];
      for (j = 0; j < 64; j++) {
        if (j < 16) {
          w[j] = words[i + j];
        } else {
          var x = w[j - 15], y = w[j - 2];
          var s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3), s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
          w[j] = (w[j - 16] + s0 + w[j - 7] + s1) | 0;
        }
        var t1 = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[j] + w[j]) | 0;
        var t2 = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
      }
      state[0] = (state[0] + a) | 0; state[1] = (state[1] + b) | 0;
      state[2] = (state[2] + c) | 0; state[3] = (state[3] + d) | 0;
      state[4] = (state[4] + e) | 0; state[5] = (state[5] + f) | 0;
      state[6] = (state[6] + g) | 0; state[7] = (state[7] + h) | 0;
    }
    var hex = '';
    for (i = 0; i < 8; i++) {
      for (j = 28; j >= 0; j -= 4) { hex += ((state[i] >>> j) & 15).toString(16); }
    }
    return hex;
  }

  var name = document.getElementById('check-session').getAttribute('data-cookie') + '=';

  function browserState() {
    var pairs = document.cookie.split(';'), i, pair;
    for (i = 0; i < pairs.length; i++) {
      pair = pairs[i].replace(/^\s+/, '');
      if (pair.indexOf(name) === 0) { return pair.substring(name.length); }
    }
    return '';
  }

  // Session Management 1.0, section 3.2: "client_id session_state".
  function judge(message, origin) {
    var space, state, dot, salt;
    if (typeof message !== 'string' || message.length > 1024) { return 'error'; }
    space = message.lastIndexOf(' ');
    state = message.substring(space + 1);
    dot = state.indexOf('.');
    if (space < 1 || dot !== 64 || dot === state.length - 1) { return 'error'; }
    salt = state.substring(dot + 1);
    return sha256(message.substring(0, space) + ' ' + origin + ' ' + browserState() + ' ' + salt) + '.' + salt === state
      ? 'unchanged' : 'changed';
  }

  window.addEventListener('message', function (event) {
    // An opaque origin cannot be named as the only one that may hear the answer.
    if (!event.source || event.origin === 'null' || event.origin.indexOf('http') !== 0) { return; }
    event.source.postMessage(judge(event.data, event.origin), event.origin);
  }, false);
}());
