import ArgumentParser
import Faults

/// What can be run.
enum Catalogue {
    static var faults: [String] { Nemeses.all.map(\.name) + Trial.allCases.map(\.rawValue) }

    static let ofTwoVersions = "two-versions"
    static let howToGetAnother = """
        \(ofTwoVersions) needs --other PROGRAM, `presence` of another version, as these build that of a commit: \
        git worktree add .build/other COMMIT; swift build --package-path .build/other --product presence; \
        Scripts/fault --only \(ofTwoVersions) --other .build/other/.build/debug/presence
        """

    static func print() {
        for name in faults + [Nemeses.soak.name] { Swift.print("fault \(name)") }
        for name in PlantedRuns.all.keys.sorted() { Swift.print("plant \(name)") }
    }

    /// The names of the faults to run.
    static func names(only: String?, plant: String?) throws -> [String] {
        if let only, !(faults + [Nemeses.soak.name]).contains(only) {
            throw refusal("there is no fault \"\(only)\": --list tells those there are")
        }
        guard let plant else { return only.map { [$0] } ?? faults }
        guard let runs = PlantedRuns.all[plant] else {
            throw refusal("there is no plant \"\(plant)\": --list tells those there are")
        }
        return only.map { [$0] } ?? runs
    }

    private static func refusal(_ sentence: String) -> any Error {
        Output.error("error: \(sentence)")
        return ExitCode(2)
    }
}
