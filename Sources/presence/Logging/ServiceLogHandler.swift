import Logging

/// Writes lines in the form and from the level that `LogSettings` says, also what a library logs of its own accord.
struct ServiceLogHandler: LogHandler {
    private let label: String
    private let settings: LogSettings
    private let output: LogOutput
    private var ownLevel: Logger.Level?

    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(_ label: String, settings: LogSettings = .shared, output: LogOutput = .standardError) {
        self.label = label
        self.settings = settings
        self.output = output
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? settings.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var values = metadata
        if let provided = metadataProvider?.get() { values.merge(provided) { $1 } }
        if let own = event.metadata { values.merge(own) { $1 } }
        if let error = event.error { values["error"] = "\(error)" }
        let line = LogLine(
            level: event.level, label: label, source: event.source, message: "\(event.message)",
            values: values.map { ($0.key, "\($0.value)") })
        output.write(line.written(as: settings.format))
    }
}
