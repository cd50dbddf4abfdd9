//! `/v1/notices`.

use super::operation::Operation;
use super::parameter::{Parameter, paging, spelled};
use crate::model::{NoticeId, NoticeLevel};
use crate::wire::NoticeView;

pub fn operations() -> Vec<Operation> {
    let least = Parameter::query("level", "The least level that is shown.", spelled::<NoticeLevel>());
    vec![
        Operation::get("/v1/notices", "listNotices", "Lists what one is warned of")
            .operator("view")
            .takes(&[least])
            .takes(&paging(spelled::<NoticeId>()))
            .page::<NoticeView>("Notices by ID."),
        Operation::post(
            "/v1/notices/{id}/acknowledge",
            "acknowledgeNotice",
            "Says that one knows of a notice",
        )
        .operator("edit, and owner of what it is about")
        .ok::<NoticeView>("The notice, which goes on standing."),
    ]
}
