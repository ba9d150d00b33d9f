pub fn asterisk() -> Result<std::path::PathBuf, String> {
    Err("comes with the next commit".to_owned())
}
