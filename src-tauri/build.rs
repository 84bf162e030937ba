//! Tells Tauri where this project keeps its capabilities.

fn main() {
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*.json");
    if let Err(problem) = tauri_build::try_build(attributes) {
        println!("cargo::error={problem:#}");
    }
    // `generate_context!` embeds the built front end; cargo has to know when that changes.
    println!("cargo::rerun-if-changed=ui/dist");
}
