"""How every page looks: in light and dark, on a desktop, a phone and paper."""

from dfdetect.evaluation.colours import CLASS_COLOURS

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5a6675; --paper: #ffffff; --panel: #f4f6f8;
  --line: #d9dfe5; --real: REAL; --fake: FAKE; --leak: #b3261e; --strong: #b85c00; --weak: #7a6a00; --info: #38689a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --soft: #9aa7b5; --paper: #12161b; --panel: #1b2128;
  --line: #323b46; --real: #56a8e8; --fake: #f0803c; --leak: #ff8a80; --strong: #ffb066; --weak: #e0cf5a;
  --info: #8fbcec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 0 0 .4rem; } p { margin: .4rem 0; max-width: 48rem; }
code { font: .88em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
small, .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.8rem, 1fr)); gap: .6rem; margin: 1.2rem 0; }
.tile { background: var(--panel); border-radius: .5rem; padding: .6rem .8rem; }
.tile { font-size: .88rem; line-height: 1.35; } .tile b { display: block; font-size: 1.4rem; line-height: 1.2; }
.verdict { font-size: 1.1rem; border-left: .35rem solid var(--info); padding: .6rem .9rem; background: var(--panel);
  border-radius: 0 .5rem .5rem 0; margin: 1rem 0; max-width: none; }
.card { border: 1px solid var(--line); border-left: .35rem solid var(--info); border-radius: .5rem;
  padding: .9rem 1rem; margin: .8rem 0; }
.leak { border-left-color: var(--leak); } .strong { border-left-color: var(--strong); }
.weak { border-left-color: var(--weak); } .info { border-left-color: var(--info); }
.tag { font-size: .78rem; font-weight: 700; text-transform: uppercase; letter-spacing: .06em; }
.tag.leak { color: var(--leak); } .tag.strong { color: var(--strong); }
.tag.weak { color: var(--weak); } .tag.info { color: var(--info); }
.do { background: var(--panel); border-radius: .4rem; padding: .5rem .7rem; margin-top: .6rem; }
.scroll { overflow-x: auto;
  background: linear-gradient(90deg, var(--paper) 1rem, transparent) 0 / 3rem 100% no-repeat local,
  linear-gradient(270deg, var(--paper) 1rem, transparent) 100% / 3rem 100% no-repeat local,
  linear-gradient(90deg, var(--line), transparent) 0 / 1.2rem 100% no-repeat,
  linear-gradient(270deg, var(--line), transparent) 100% / 1.2rem 100% no-repeat; }
.scroll + .scroll, .plots { margin-top: 1.2rem; } .scroll + h3, .cards + h3, ul + h3,
.bars + .scroll { margin-top: 1.4rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums;
  padding-right: 1.1rem; } th, td { overflow-wrap: break-word; }
td:not(.n) { min-width: min(6rem, 24vw); } td:first-child { overflow-wrap: anywhere; min-width: min(9rem, 30vw); }
td:last-child:not(.n) { overflow-wrap: anywhere; min-width: min(11rem, 40vw); }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); gap: .8rem; margin-top: .8rem; }
figure { margin: 0; break-inside: avoid; } figcaption { font-size: .78rem; color: var(--soft); line-height: 1.35; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .3rem; }
.pair img { width: 100%; height: auto; display: block; border: 3px solid; border-radius: .25rem; }
img.real { border-color: var(--real); } img.fake { border-color: var(--fake); }
b.real { color: var(--real); } b.fake { color: var(--fake); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font: 10px system-ui, sans-serif; }
svg .real { fill: var(--real); stroke: var(--real); } svg .fake { fill: var(--fake); stroke: var(--fake); }
svg .axis { stroke: var(--line); }
td small { display: block; font-size: .82em; } td.n small { white-space: nowrap; }
.bars { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr max-content; gap: .45rem 1rem;
  margin: 1rem 0 .2rem; align-items: center; font-variant-numeric: tabular-nums; font-size: .92rem; }
.bar { position: relative; height: 1.1rem; border-bottom: 1px solid var(--line);
  background: linear-gradient(var(--soft), var(--soft)) 50% / 1px 100% no-repeat; }
.band { position: absolute; top: .3rem; height: .5rem; background: var(--info); opacity: .4; border-radius: .25rem; }
.dot { position: absolute; top: .2rem; width: .7rem; height: .7rem; margin-left: -.35rem; border-radius: 50%;
  background: var(--info); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; align-items: start; }
.plots.large { grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); max-width: 54rem; gap: 1.6rem; }
code.option { display: inline-block; word-break: break-all; margin-right: .7em; }
p + h3, p + .bars { margin-top: 1.2rem; }
img.plot { width: 100%; height: auto; display: block; background: #fff; border-radius: .4rem; }
body.wide { max-width: 80rem; } figure.wide { max-width: 52rem; }
figure.wide img.plot { min-width: 34rem; } .verdict p { max-width: none; }
@media (prefers-color-scheme: dark) { @media screen { img.chart { filter: invert(1) hue-rotate(180deg);
  mix-blend-mode: screen; } img.plot:not(.chart) { filter: brightness(.8); } } }
@media screen and (max-width: 48rem) { .many table { min-width: calc(var(--columns) * 6.2rem); }
  .many :is(th, td):first-child { position: sticky; left: 0; background: var(--paper); min-width: 6.5rem;
  max-width: 40vw; padding-right: .8rem; } .many td:last-child:not(.n) { min-width: 11rem; } }
@media screen and (max-width: 36rem) { figure.wide figcaption::before { content: "Scroll sideways to see all. "; } }
@media (max-width: 40rem) { .bars { grid-template-columns: 1fr max-content; } .bars .name { grid-column: 1 / -1; } }
@media print { @page { margin: 1.4cm; } body { max-width: none; padding: 0; font-size: 9.5pt; }
  .card, .bars, .tile, tr, figure, .verdict { break-inside: avoid; } h2, h3, h2 + p { break-after: avoid; }
  .card h3 { break-after: auto; } h2 { margin-top: 1.6rem; } .card { padding: .5rem .8rem; margin: .5rem 0; }
  .tiles { grid-template-columns: repeat(auto-fit, minmax(5.2rem, 1fr)); }
  .plots, .plots.large { grid-template-columns: 1fr 1fr; max-width: none; }
  img.plot, figure.wide img.plot { min-width: 0; width: auto; max-width: 100%; max-height: 7.5cm; }
  figure.wide img.plot { max-height: 9cm; } figure.wide img.plot:not(.chart) { max-height: 12cm; }
  .scroll { overflow: visible; background: none; } * { print-color-adjust: exact; } }
""".replace("REAL", CLASS_COLOURS[0]).replace("FAKE", CLASS_COLOURS[1])
