extension HTMLReport {
  /// Blue supports and orange opposes; people with any colour vision can tell the two apart, and
  /// the sign and the side of the bar say it again.
  static let stylesheet: Markup = """
    :root {
      --paper: #fcfcfa; --raised: #f3f3ef; --line: #d9d9d2; --ink: #1d1f21; --quiet: #5c6066;
      --support: #0b62a8; --oppose: #a84a00; --link: #0b5394;
      --first: #0b62a8; --second: #a84a00; --third: #3d7a2a;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #16181a; --raised: #202326; --line: #3a3f44; --ink: #e6e6e3; --quiet: #a6abb1;
        --support: #74b9f2; --oppose: #f0a35e; --link: #8cc4f5;
        --first: #74b9f2; --second: #f0a35e; --third: #8fcf74;
      }
      img { filter: brightness(.9); }
    }
    * { box-sizing: border-box; }
    html { color-scheme: light dark; -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body {
      margin: 0 auto; max-width: 62rem; padding: 2rem 1.25rem 4rem;
      background: var(--paper); color: var(--ink); overflow-wrap: break-word;
      font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Liberation Sans", sans-serif;
    }
    h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
    h1 { font-size: 1.9rem; margin: 0 0 .5rem; }
    h2 { font-size: 1.3rem; margin: 0 0 .5rem; }
    h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
    h3 .quiet { font-weight: normal; margin-left: .5rem; }
    p { margin: .4rem 0; max-width: 44rem; }
    section { margin-top: 2.75rem; }
    a { color: var(--link); }
    a:focus-visible, summary:focus-visible, [tabindex]:focus-visible {
      outline: 3px solid var(--link); outline-offset: 2px;
    }
    .skip { position: absolute; left: -999rem; }
    .skip:focus { left: 1rem; top: .5rem; background: var(--paper); padding: .5rem; }
    .lead { font-size: 1.05rem; }
    .quiet, .label, caption, dt { color: var(--quiet); }
    .quiet, .label { font-size: .9rem; font-weight: normal; }
    .support { color: var(--support); }
    .oppose { color: var(--oppose); }
    .notes { border-left: 4px solid var(--oppose); background: var(--raised); padding: .75rem 1rem; }
    .notes h2 { font-size: 1rem; }
    .notes ul { margin: 0; padding-left: 1.2rem; }
    .facts { margin: 1rem 0; font-size: .92rem; }
    .facts div { display: grid; grid-template-columns: minmax(8rem, 15rem) 1fr; gap: 1rem; }
    .facts div { padding: .3rem 0; border-bottom: 1px solid var(--line); }
    .facts dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
    .wide { overflow-x: auto; container-type: inline-size; }
    .wide {
      background: linear-gradient(to right, var(--paper) 40%, transparent) 0 0 / 2.5rem 100%,
        linear-gradient(to left, var(--paper) 40%, transparent) 100% 0 / 2.5rem 100%,
        linear-gradient(to right, var(--quiet), transparent) 0 0 / .6rem 100%,
        linear-gradient(to left, var(--quiet), transparent) 100% 0 / .6rem 100%;
      background-repeat: no-repeat; background-attachment: local, local, scroll, scroll;
    }
    table { border-collapse: collapse; width: 100%; font-size: .92rem; }
    caption { text-align: left; padding: .25rem 0 .5rem; }
    .wide caption { max-width: 100cqw; }
    th, td { text-align: left; padding: .3rem .75rem .3rem 0; vertical-align: middle; }
    tr { border-bottom: 1px solid var(--line); }
    thead th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
    thead th::first-letter, dt::first-letter { text-transform: uppercase; }
    thead th.symbol::first-letter { text-transform: none; }
    tbody th { font-weight: 600; white-space: nowrap; }
    .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
    td.number { padding-left: .5rem; }
    .chart { width: 45%; min-width: 5rem; }
    .receipts .chart { width: 30%; }
    .thumbnail { width: 2.5rem; }
    .bar { display: block; width: 100%; height: .9rem; }
    .bar.rows-2 { height: 1.7rem; }
    .bar * { vector-effect: non-scaling-stroke; }
    .bar .support { fill: var(--support); }
    .bar .oppose { fill: var(--oppose); }
    .bar .predicted { fill: none; stroke: var(--ink); stroke-width: 1.5px; }
    .bar .actual { fill: var(--support); stroke: var(--support); stroke-width: 1.5px; }
    .account { width: auto; }
    .account th, .account td { padding-right: 1.25rem; }
    .account .part th { padding-left: 1.5rem; }
    .account .part { color: var(--quiet); font-size: .95em; }
    .account .before *, .account .after * { font-weight: 600; }
    .verdicts { margin: .5rem 0; padding-left: 1.2rem; max-width: 44rem; }
    .waterfall .chart { width: 50%; padding: 0; }
    .waterfall tr { border: 0; }
    .waterfall tbody th { font-weight: normal; }
    .waterfall .level th { font-weight: 600; }
    .waterfall th, .waterfall td { padding-top: 0; padding-bottom: 0; }
    .step-drawing { display: block; width: 100%; height: 1.6rem; }
    .step-drawing * { vector-effect: non-scaling-stroke; }
    .step-drawing .support { fill: var(--support); }
    .step-drawing .oppose { fill: var(--oppose); }
    .step-drawing .nobody, .step-drawing .level { fill: var(--quiet); }
    .step-drawing .link, .step-drawing .zero { stroke: var(--quiet); stroke-width: 1px; }
    .step-drawing .zero { stroke-dasharray: 1 3; }
    .items .chart { width: 20%; min-width: 5rem; }
    .bar.rows-3 { height: 2.1rem; }
    .bar.rows-4 { height: 2.6rem; }
    .bar .zero { stroke: var(--quiet); stroke-width: 1px; }
    .series-0 { --series: var(--first); }
    .series-1 { --series: var(--second); }
    .series-2 { --series: var(--third); }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 27rem), 1fr)); }
    .charts { gap: 1rem 1.5rem; margin: .5rem 0 1rem; }
    .curves { margin: 0; }
    .curves figcaption { color: var(--quiet); font-size: .9rem; }
    .curves figcaption::first-letter { text-transform: uppercase; }
    .curves svg { display: block; width: 100%; height: auto; overflow: visible; }
    .curves text { font-size: 13px; fill: var(--quiet); font-variant-numeric: tabular-nums; }
    .curves .grid { stroke: var(--line); stroke-width: 1px; }
    .curves polyline { fill: none; stroke: var(--series); stroke-width: 1.75px; }
    .curves .law { stroke: var(--series); stroke-width: 1.25px; stroke-dasharray: 5 4; }
    .curves .point { fill: var(--series); stroke: var(--series); }
    .curves .point line { stroke-width: 1.5px; opacity: .6; }
    .curves .point:focus-visible { outline: none; }
    .curves .point:focus-visible > :not(.value, line) { stroke: var(--link); stroke-width: 7px; }
    .curves .value { visibility: hidden; fill: var(--ink); stroke: var(--paper); stroke-width: 5px; }
    .curves .value { paint-order: stroke; font-weight: 600; pointer-events: none; }
    .curves .point:hover .value, .curves .point:focus .value { visibility: visible; }
    .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding: 0; }
    .legend { margin: .75rem 0; font-size: .9rem; }
    .legend svg { width: 1.25rem; height: 1rem; vertical-align: -.1rem; margin-right: .35rem; }
    .legend svg { fill: var(--series); }
    .readings li { align-items: center; }
    .readings .nothing { width: 4.5rem; height: 4.5rem; display: grid; place-items: center; }
    .readings .nothing { border: 1px dashed var(--line); border-radius: 3px; }
    figure { margin: 1.25rem 0 0; }
    .scatter { display: block; width: 100%; max-width: 34rem; }
    .scatter circle { fill: var(--support); fill-opacity: .45; }
    .scatter path { stroke: var(--quiet); stroke-width: 1px; }
    .scatter text { fill: var(--quiet); font-size: 10px; }
    img { image-rendering: pixelated; border: 1px solid var(--line); border-radius: 3px; }
    img { object-fit: contain; background: #fff; flex: none; }
    img.small { width: 2rem; height: 2rem; display: block; }
    img.medium { width: 4.5rem; height: 4.5rem; }
    img.large { width: 6.5rem; height: 6.5rem; }
    .query { border-top: 2px solid var(--line); padding-top: 1.75rem; }
    .heading { display: flex; gap: 1.25rem; align-items: flex-start; }
    .heading div { min-width: 0; }
    .heading .label { margin-left: .5rem; }
    .measure { color: var(--quiet); margin: 0; }
    .measure strong { color: var(--ink); font-variant-numeric: tabular-nums; }
    .strip { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .9rem .5rem; }
    .strip li { display: flex; flex-direction: column; font-size: .82rem; line-height: 1.4; }
    .strip li { min-width: 6.25rem; max-width: 18rem; }
    .strip strong { font-variant-numeric: tabular-nums; font-size: .9rem; margin-top: .25rem; }
    .strip span { color: var(--quiet); }
    blockquote { margin: .5rem 0; padding: .5rem .75rem; background: var(--raised); }
    blockquote { border-left: 3px solid var(--line); white-space: pre-wrap; }
    .output { white-space: pre-wrap; font-size: 1.1rem; line-height: 2; max-width: none; }
    .output .prompt { color: var(--quiet); }
    .token { color: inherit; text-decoration: none; border-bottom: 3px solid transparent; }
    a.token:hover { outline: 1px solid var(--ink); }
    .shade-5 { background: color-mix(in srgb, var(--support) 48%, transparent); }
    .shade-4 { background: color-mix(in srgb, var(--support) 36%, transparent); }
    .shade-3 { background: color-mix(in srgb, var(--support) 25%, transparent); }
    .shade-2 { background: color-mix(in srgb, var(--support) 15%, transparent); }
    .shade-1 { background: color-mix(in srgb, var(--support) 7%, transparent); }
    .copied-caused { border-bottom: 3px solid var(--oppose); }
    .copied-elsewhere { border-bottom: 3px dotted var(--oppose); }
    .caused { border-bottom: 3px dashed var(--support); }
    .legend { list-style: none; margin: .5rem 0; padding: 0; font-size: .85rem; }
    .legend { display: flex; flex-wrap: wrap; gap: .35rem .9rem; color: var(--quiet); }
    .legend .token { padding: .1rem .35rem; color: var(--ink); }
    .chosen { display: none; margin-top: 1rem; padding: .25rem 1rem; background: var(--raised); }
    .chosen:target { display: block; scroll-margin-top: 50vh; }
    .query:target { border-top-color: var(--link); }
    .passages { margin: .5rem 0; padding-left: 1.5rem; }
    .passages p { margin: .75rem 0 0; }
    .outcomes .chart { width: 10%; min-width: 4rem; }
    .outcomes tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; }
    .outcomes td.number { padding-right: .4rem; }
    .words { overflow-wrap: anywhere; min-width: 9rem; }
    mark { background: color-mix(in srgb, var(--support) 36%, transparent); color: inherit; }
    details { margin-top: 1.25rem; }
    summary { cursor: pointer; font-weight: 600; }
    pre { background: var(--raised); padding: .75rem 1rem; overflow-x: auto; font-size: .88rem; }
    code { font-family: ui-monospace, "Liberation Mono", monospace; }
    @media (max-width: 36rem) {
      body { padding: 1.25rem 1rem 3rem; }
      h1 { font-size: 1.5rem; }
      .facts div { grid-template-columns: 1fr; gap: 0; }
      .heading { gap: .75rem; }
      img.large { width: 4rem; height: 4rem; }
      th, td { padding-right: .45rem; }
      .chart { min-width: 4.5rem; }
      .account th, .account td { padding-right: .5rem; }
      .account .part th { padding-left: .75rem; }
      .waterfall tbody th { white-space: normal; }
      .waterfall .chart { width: 35%; }
      table { font-size: .85rem; }
      .wide table { font-size: .72rem; }
      .wide th, .wide td, .wide td.number { padding-left: 0; padding-right: .3rem; }
      .wide thead th { white-space: normal; overflow-wrap: anywhere; min-width: 2.4em; }
      .wide tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 4em; }
      .wide .chart { min-width: 1.5rem; width: 12%; }
      .wide .waterfall .chart { width: 35%; }
      .wide .thumbnail { width: 0; padding: 0; }
      .wide .thumbnail img, .time { display: none; }
    }
    @media print {
      :root {
        --paper: #fff; --raised: #f3f3ef; --line: #ccc; --ink: #000; --quiet: #444;
        --support: #0b62a8; --oppose: #a84a00; --link: #000;
        --first: #0b62a8; --second: #a84a00; --third: #3d7a2a;
      }
      body { max-width: none; padding: 0; font-size: 10pt; }
      .skip { display: none; }
      section { margin-top: 1.5rem; }
      img.medium { width: 3rem; height: 3rem; }
      .strip li { min-width: 4.9rem; font-size: 7.5pt; }
      th, td { padding-top: .1rem; padding-bottom: .1rem; }
      .wide { overflow: visible; background: none; }
      details::details-content { content-visibility: visible; block-size: auto; }
      @supports not selector(::details-content) { details:not([open]) { display: none; } }
      .token, mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      .strip li, tr, .heading, .curves { break-inside: avoid; }
      .charts { grid-template-columns: 1fr 1fr; }
      .many { font-size: 7pt; }
      .many th, .many td { padding-left: 0; padding-right: .5rem; }
      h2, h3, h3 + .quiet, summary { break-after: avoid; }
      pre { white-space: pre-wrap; }
    }
    """
}
