"""The page's style and script. In the page itself, so that it is one file."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--card:#f6f8fa;
--ok:#116329;--okb:#dafbe1;--warn:#6f4400;--warnb:#fff1c9;--bad:#a40e26;--badb:#ffe5e7;--unk:#424a53;--unkb:#e4e8ec;
--yes:#116329;--no:#a40e26;--link:#0550ae}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9da7b3;--line:#30363d;--card:#161b22;
--ok:#7ee2a0;--okb:#0f2f1a;--warn:#ffd479;--warnb:#362700;--bad:#ffb3ba;--badb:#4c0f17;--unk:#c9d1d9;--unkb:#272d36;
--yes:#14532d;--no:#8e1523;--link:#79c0ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:60rem;margin:0 auto;padding:.5rem .75rem}
header{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:center;justify-content:space-between}
header p,h1,h2,ul,ol,dl,dd{margin:0}
ul,ol{padding-left:1.1rem}
button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--dim);border-radius:.4rem;padding:.35rem .7rem;min-height:2.5rem}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.dim{color:var(--dim)}
.verdict{border-radius:.6rem;padding:.75rem;color:#fff}
.yes{background:var(--yes)}.no{background:var(--no)}
h1{font-size:1.45rem;line-height:1.2}
h2{font-size:1.05rem;margin:1.1rem 0 .35rem}
.verdict h2{margin:.6rem 0 .15rem;font-size:1rem}
.verdict p{margin:.3rem 0 0}
.layers{border:1px solid var(--line);border-radius:.6rem;overflow:hidden}
.layers>div{padding:.45rem .6rem;background:var(--card)}
.layers>div+div{border-top:1px solid var(--line)}
dt{font-weight:600}
dt .dim{font-weight:400;font-size:.875rem}
.chips{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem;margin-top:.25rem}
.chip{border-left:.3rem solid;border-radius:.3rem;padding:.1rem .4rem;font-size:.9375rem}
.chip b{margin-right:.25rem}
.ok{background:var(--okb);color:var(--ok)}.warn{background:var(--warnb);color:var(--warn)}
.bad{background:var(--badb);color:var(--bad)}.unknown{background:var(--unkb);color:var(--unk)}
.bad,.warn{font-weight:600}
.note{border-left:.3rem solid;border-radius:.3rem;padding:.4rem .6rem;margin:.3rem 0}
.note h2{margin-top:0}
.service{font-weight:600}
a{color:var(--link)}
.note ul{padding-left:1.1rem;font-weight:400}
.events{list-style:none;padding:0}
.events li{padding:.3rem 0;border-top:1px solid var(--line);overflow-wrap:anywhere}
.tag{display:inline-block;border-radius:.3rem;padding:0 .35rem;font-size:.8125rem;font-weight:600}
time,code{font-variant-numeric:tabular-nums}
code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.875em}
dl.plain{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem}
dl.plain dt{font-weight:400;color:var(--dim)}
dd{overflow-wrap:anywhere}
#stale{position:sticky;top:0;z-index:1;margin:0;padding:.6rem .75rem;background:var(--no);color:#fff;font-weight:600}
.unseen{position:absolute;width:1px;height:1px;margin:0;overflow:hidden;clip-path:inset(50%)}
[hidden]{display:none!important}
@media(min-width:48rem){.layers>div{display:grid;grid-template-columns:13rem 1fr;gap:.75rem;align-items:center}
.chips{margin-top:0}dt .dim{display:block}
.layers .chip{min-width:11.5rem}}
@media print{header button{display:none}}
"""

# It fetches the whole page again and takes over <main>: what a page says is written in one place.
SCRIPT = """
(function(){
'use strict';
var EVERY=5000,LIMIT=20000,paused=false,fetched=Date.now(),failing=false;
var $=function(id){return document.getElementById(id)};
var button=$('pause'),stale=$('stale'),agel=$('age');
button.hidden=false;
button.onclick=function(){paused=!paused;button.setAttribute('aria-pressed',String(paused));
 button.textContent=paused?'Updates are paused: go on':'Pause updates';if(!paused)refresh()};
function ages(){var s=Math.round((Date.now()-fetched)/1000);agel.textContent=s<2?'now':s+' s ago';
 var old=s*1000>EVERY*3&&!paused;stale.hidden=!old;
 if(old)stale.textContent='This is '+s+' s old: '+(failing?'the page cannot be reached. The virtual IP may be moving; trying again.':'waiting for an answer.')}
function take(text){var next=new DOMParser().parseFromString(text,'text/html'),main=next.querySelector('main');
 if(!main)throw new Error('no page');
 var open={};document.querySelectorAll('details[id]').forEach(function(d){open[d.id]=d.open});
 var here=document.activeElement&&document.activeElement.id,was=document.querySelector('h1').textContent;
 document.querySelector('main').innerHTML=main.innerHTML;
 document.querySelectorAll('details[id]').forEach(function(d){if(d.id in open)d.open=open[d.id]});
 if(here&&$(here))$(here).focus({preventScroll:true});
 $('at').replaceWith(next.getElementById('at'));
 document.title=next.title;$('icon').href=next.getElementById('icon').href;
 var now=document.querySelector('h1').textContent;if(now!==was)$('live').textContent=now;
 fetched=Date.now()}
function refresh(){if(paused||document.hidden)return Promise.resolve();
 var stop=new AbortController(),timer=setTimeout(function(){stop.abort()},LIMIT);
 return fetch(location.pathname,{cache:'no-store',credentials:'same-origin',signal:stop.signal})
 .then(function(r){if(!r.ok)throw new Error(r.status);return r.text()}).then(take)
 .then(function(){failing=false},function(){failing=true}).then(function(){clearTimeout(timer);ages()})}
(function again(){setTimeout(function(){refresh().then(again)},EVERY)})();
document.addEventListener('visibilitychange',function(){if(!document.hidden)refresh()});
setInterval(ages,1000);ages();
})();
"""


def digest(text: str) -> str:
    """Return a Content-Security-Policy source that allows exactly this inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {digest(STYLE)}",
        f"script-src {digest(SCRIPT)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
