import Influence

extension HTMLReport {
  /// What can be read from gradients of more and more items: curves, a table and pictures.
  static func markup(of inversion: ScoreReport.Inversion) -> Markup {
    let names = ["closed form, relu units", "search, tanh units", "all inputs"]
    let series = [
      LogChart.Series("all inputs", 2, inversion) { SeedMean([Double($0.batchSize)]) },
      LogChart.Series("closed form", 0, inversion) { $0.closedForm },
      LogChart.Series("search", 1, inversion) { $0.matching },
    ]
    let chart = LogChart(
      title: "Inputs that can be read", xTitle: "inputs of one gradient", series: series,
      yText: { HumanNumber.significant($0, digits: 1) }
    ).markup(id: "curve-inversion")
    let headings = ScoreReport.Inversion.headings.map {
      "<th scope=\"col\" class=\"number\">\($0)</th>" as Markup
    }
    let rows = inversion.places.map { place -> Markup in
      let cells = inversion.cells(place).map { "<td class=\"number\">\($0)</td>" as Markup }
      return """
        <tr><th scope="row" class="number">\(HumanNumber.count(place.batchSize))</th>\(cells)</tr>

        """
    }
    let sentences = inversion.sentences.map { "<li>\($0)</li>\n" as Markup }
    return """
      <section aria-labelledby="inversion">
      <h2 id="inversion">What can be read from one gradient of many inputs</h2>
      <p class="quiet">One hidden layer of \(HumanNumber.count(inversion.setting.width)) units at its \
      initial parameters; who reads knows them, the gradient, and how many inputs it is the mean of.</p>
      <ul class="verdicts">
      \(sentences)</ul>
      \(LogChart.legend(names))\
      <div class="charts">
      \(chart)</div>
      <div class="wide" role="region" aria-label="Inputs read from gradients" tabindex="0">
      <table class="account">
      <caption>\(inversion.legend)</caption>
      <thead><tr>\(headings)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table>
      </div>
      \(pictures(inversion))</section>

      """
  }

  /// A strip for each size: inputs, and under each what was read of it.
  private static func pictures(_ inversion: ScoreReport.Inversion) -> [Markup] {
    inversion.places.compactMap { place in
      let own = inversion.pictures.filter { $0.batchSize == place.batchSize }
      guard !own.isEmpty else { return nil }
      let items = own.map { picture -> Markup in
        """
        <li>\(image(picture.item, size: "medium"))\
        \(reading(picture.closedForm, "\(picture.item.id), read in closed form"))\
        \(reading(picture.matched, "\(picture.item.id), found by the search"))\
        <span>\(picture.item.id.plainLine)</span></li>

        """
      }
      let count = place.batchSize == 1 ? "1 input" : "\(HumanNumber.count(place.batchSize)) inputs"
      let some =
        own.count < place.batchSize ? ", \(HumanNumber.count(own.count)) of them shown" : ""
      return """
        <h3>A gradient of \(count)<span class="quiet">\(some) above; read in closed form; found by the \
        search</span></h3>
        <ul class="strip readings">
        \(items)</ul>

        """
    }
  }

  private static func reading(_ image: PixelImage?, _ name: String) -> Markup {
    guard let image else { return "<span class=\"nothing\">not read</span>" }
    return """
      <img class="medium" src="\(PNG.dataURI(image))" width="\(image.width)" \
      height="\(image.height)" alt="\(name.plainLine)"/>
      """
  }
}

extension LogChart.Series {
  /// What one way of reading came to.
  fileprivate init(
    _ name: String, _ style: Int, _ inversion: ScoreReport.Inversion,
    _ mean: (ScoreReport.Inversion.Place) -> SeedMean
  ) {
    self.init(
      name: name, style: style,
      points: inversion.places.map { place in
        let found = mean(place)
        return LogChart.Point(
          x: Double(place.batchSize), y: found.mean, interval: found.interval,
          text: "\(HumanNumber.significant(found.mean)) of \(HumanNumber.count(place.batchSize))")
      }, law: nil)
  }
}
