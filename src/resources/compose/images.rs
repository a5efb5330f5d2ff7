//! The images of a project: those that are missing, and those that services share.

use super::{
    Action, Service,
    answer::title,
    spec::{Pull, Recreate, Spec},
};
use crate::{
    model::Area,
    resource::{Observe, Seen},
};
use serde_json::Value;

/// With `pull: always`, what is made of an image that is pulled for another service comes anew with it, if the image comes out
/// different: left as it is, it would be out of date as soon as the image is there.
pub fn shared(spec: &Spec, config: &Value, services: &mut [Service]) {
    if spec.pull != Pull::Always || spec.recreate == Recreate::Never {
        return;
    }
    let image = |service: &Service| config[&service.name]["image"].as_str();
    let pulled: Vec<&str> = services.iter().filter(|service| is_pulled(service)).filter_map(image).collect();
    for service in services.iter_mut() {
        let stays =
            matches!(service.action, Action::Nothing | Action::Start | Action::Unpause | Action::Await);
        let Some(image) = image(service).filter(|image| pulled.contains(image)) else { continue };
        if stays && service.left.is_none() {
            service.pulled = true;
            let facet = format!("{} image", title(&service.name));
            service.before.insert(facet.clone(), image.into());
            service.after.insert(facet, "pulled anew; recreated if it comes out different".into());
        }
    }
}

/// One that a new container is made of.
pub fn is_pulled(service: &Service) -> bool {
    matches!(service.action, Action::Create | Action::Recreate)
}

/// Refuses what would be made of an image that is neither there nor pulled nor built.
///
/// # Errors
/// As [`Seen::lacks`].
pub fn missing(spec: &Spec, answer: &Value, services: &[Service], seen: &Seen) -> Observe<()> {
    let Some(there) = answer["images"].as_object().filter(|_| spec.pull == Pull::Never) else {
        return Ok(());
    };
    for service in services.iter().filter(|service| is_pulled(service)) {
        let wanted = &answer["config"]["services"][&service.name];
        if let Some(image) = wanted["image"].as_str().filter(|image| !there.contains_key(*image))
            && !wanted["build"].is_object()
        {
            let why = format!(
                "the host has no image `{image}` for service {}, and `pull: never` fetches none",
                service.name
            );
            return Err(seen.lacks(&[Area::Docker], why));
        }
    }
    Ok(())
}
